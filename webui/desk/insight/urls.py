"""Routes under /desk/insight/."""

from django.urls import path

from webui.desk.insight import views

urlpatterns = [
    path("", views.insight, name="desk-insight"),
    path("<slug:key>.csv", views.chart_csv, name="desk-insight-csv"),
]

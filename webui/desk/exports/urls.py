"""Routes under /desk/export/."""

from django.urls import path

from webui.desk.exports import views

urlpatterns = [
    path("", views.export, name="desk-export"),
    path("file/", views.export_file, name="desk-export-file"),
]

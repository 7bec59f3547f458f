"""Routes under /desk/review/."""

from django.urls import path

from webui.desk.review import views

urlpatterns = [
    path("<int:message_id>/mark/", views.mark, name="desk-mark"),
]

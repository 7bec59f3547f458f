"""Routes under /desk/."""

from django.urls import path

from webui.desk import views

urlpatterns = [
    path("", views.desk, name="desk"),
    path("rows/", views.list_page, name="desk-rows"),
    path("tabs/", views.tabs, name="desk-tabs"),
    path("conversations/<uuid:pk>/", views.conversation, name="desk-conversation"),
    path("conversations/<uuid:pk>/row/", views.row, name="desk-row"),
    path("conversations/<uuid:pk>/messages/", views.messages, name="desk-messages"),
    path("conversations/<uuid:pk>/context/", views.conversation_context, name="desk-context"),
    path("replies/<int:reply_id>/review/", views.review, name="desk-review"),
]

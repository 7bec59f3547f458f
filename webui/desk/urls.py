"""Routes under /desk/."""

from django.urls import include, path

from webui.desk import views

urlpatterns = [
    path("", include("webui.desk.inbox.urls")),
    path("insight/", include("webui.desk.insight.urls")),
    path("export/", include("webui.desk.exports.urls")),
    path("review/", include("webui.desk.review.urls")),
    path("conversations/<uuid:pk>/", views.conversation, name="desk-conversation"),
    path("conversations/<uuid:pk>/", include("webui.desk.conversation.urls")),
    path("conversations/<uuid:pk>/messages/", views.messages, name="desk-messages"),
    path("conversations/<uuid:pk>/context/", views.conversation_context, name="desk-context"),
]

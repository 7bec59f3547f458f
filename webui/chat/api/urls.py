"""The addresses of the chat's HTTP interface, below /chat/."""

from django.urls import path, re_path

from webui.chat.api import documents, files, views

_CONVERSATION = "api/conversations/<uuid:conversation_id>"

urlpatterns = [
    path(f"{_CONVERSATION}/state/", views.state, name="chat-api-state"),
    path(f"{_CONVERSATION}/rating/", views.rate_conversation, name="chat-api-rate"),
    path(f"{_CONVERSATION}/end/", views.end, name="chat-api-end"),
    path(f"{_CONVERSATION}/form/", views.submit_form, name="chat-api-form"),
    path(f"{_CONVERSATION}/message/", views.leave_message, name="chat-api-leave"),
    path(f"{_CONVERSATION}/email/", documents.email_transcript, name="chat-api-email"),
    re_path(
        r"^api/conversations/(?P<conversation_id>[0-9a-f-]{36})/transcript\.(?P<form>txt|html|json)$",
        documents.transcript,
        name="chat-api-transcript",
    ),
    path("api/email/<int:request_id>/", documents.confirm_transcript, name="chat-api-confirm"),
    path("api/replies/<int:reply_id>/rating/", views.rate_reply, name="chat-api-thumb"),
    path("api/my-data/", documents.my_data, name="chat-api-data"),
    path("api/forget/", documents.forget, name="chat-api-forget"),
    path("api/attachments/", files.upload, name="chat-api-upload"),
    path("api/attachments/<uuid:attachment_id>/", files.discard, name="chat-api-discard"),
    path("attachments/<uuid:attachment_id>/", files.attachment, name="attachment"),
    path("attachments/<uuid:attachment_id>/thumbnail/", files.thumbnail, name="attachment-thumbnail"),
]

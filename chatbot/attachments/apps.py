from django.apps import AppConfig


class AttachmentsConfig(AppConfig):
    name = "chatbot.attachments"
    label = "attachments"

from django.apps import AppConfig


class InboxConfig(AppConfig):
    name = "chatbot.inbox"
    label = "inbox"

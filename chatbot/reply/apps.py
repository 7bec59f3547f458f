from django.apps import AppConfig


class ReplyConfig(AppConfig):
    name = "chatbot.reply"
    label = "reply"

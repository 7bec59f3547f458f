from django.apps import AppConfig


class AssistConfig(AppConfig):
    name = "chatbot.assist"
    label = "assist"

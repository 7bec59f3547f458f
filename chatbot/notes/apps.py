from django.apps import AppConfig


class NotesConfig(AppConfig):
    name = "chatbot.notes"
    label = "notes"

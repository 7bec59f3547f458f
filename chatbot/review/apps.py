from django.apps import AppConfig


class ReviewConfig(AppConfig):
    name = "chatbot.review"
    label = "review"

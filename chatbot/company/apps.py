from django.apps import AppConfig


class CompanyConfig(AppConfig):
    name = "chatbot.company"
    label = "company"

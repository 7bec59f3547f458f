"""Registers the app."""

from django.apps import AppConfig


class InsightConfig(AppConfig):
    name = "chatbot.insight"

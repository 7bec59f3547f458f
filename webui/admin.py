"""The admins' site: answers and their versions. Every write goes through chatbot.knowledge.services."""

from webui.admin_site import site

__all__ = ["site"]

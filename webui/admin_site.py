"""The admin site itself: who may enter, and how it looks."""

from django.http import HttpRequest
from unfold.sites import UnfoldAdminSite

from chatbot.conversations.models import is_admin


class KefuAdminSite(UnfoldAdminSite):
    """Membership of the admins group decides, not `is_staff`."""

    def has_permission(self, request: HttpRequest) -> bool:
        return is_admin(request.user)


site = KefuAdminSite()

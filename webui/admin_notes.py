"""The admins' pages for canned replies, which agents find by / in the reply box."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from chatbot.notes.models import CannedReply
from webui.admin_site import site


@admin.register(CannedReply, site=site)
class CannedReplyAdmin(ModelAdmin):
    list_display = ("shortcut", "title", "text_en", "text_zh")
    search_fields = ("shortcut", "title", "text_en", "text_zh")

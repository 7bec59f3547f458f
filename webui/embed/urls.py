"""What pages of other sites load and ask."""

from django.urls import path

from webui.embed import views

urlpatterns = [
    path("embed.js", views.script, name="embed_script"),
    path("embed/chat.css", views.style_sheet, name="embed_style"),
    path("embed/panel/", views.panel, name="embed_panel"),
    path("embed/session/", views.session, name="embed_session"),
    path("embed/identify/", views.identify, name="embed_identify"),
]

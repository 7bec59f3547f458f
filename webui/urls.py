"""The addresses of the site. What answers them is in `chat`, `desk`, `admin` and `health`."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from django.views.i18n import set_language

from webui import admin, health
from webui.chat import sse
from webui.chat import views as chat

urlpatterns = [
    path("", chat.home, name="home"),
    path("chat/", chat.full_page, name="chat"),
    path("chat/panel/", chat.panel, name="chat_panel"),
    path("chat/events/", sse.stream, name="chat_events"),
    path("chat/frames/", sse.frames, name="chat_frames"),
    path("chat/", include("webui.chat.api.urls")),
    path("desk/", include("webui.desk.urls")),
    path("admin/", admin.site.urls),
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("", include("webui.embed.urls")),
    path("language/", set_language, name="set_language"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]

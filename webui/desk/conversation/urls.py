"""Routes under /desk/conversations/<id>/ that change who answers, and what the customer reads."""

from django.urls import path

from webui.desk.conversation import views

urlpatterns = [
    path("hands/", views.hands, name="desk-hands"),
    path("take-over/", views.take_over, name="desk-take-over"),
    path("hand-back/", views.hand_back, name="desk-hand-back"),
    path("close/", views.close, name="desk-close"),
    path("reopen/", views.reopen, name="desk-reopen"),
    path("say/", views.say, name="desk-say"),
    path("seen/", views.seen, name="desk-seen"),
]

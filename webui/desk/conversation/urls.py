"""Routes under /desk/conversations/<id>/ that change who answers, and what the customer reads."""

from django.urls import path

from webui.desk.conversation import assist, notes, views

urlpatterns = [
    path("hands/", views.hands, name="desk-hands"),
    path("take-over/", views.take_over, name="desk-take-over"),
    path("hand-back/", views.hand_back, name="desk-hand-back"),
    path("close/", views.close, name="desk-close"),
    path("reopen/", views.reopen, name="desk-reopen"),
    path("undo/", views.undo, name="desk-undo"),
    path("say/", views.say, name="desk-say"),
    path("seen/", views.seen, name="desk-seen"),
    path("notes/", notes.add, name="desk-note"),
    path("notes/<int:note_id>/", notes.change, name="desk-note-change"),
    path("suggestions/", assist.suggest, name="desk-suggest"),
    path("suggestions/<int:suggestion_id>/", assist.suggestion, name="desk-suggestion"),
    path("translations/", assist.translate, name="desk-translate"),
    path("translations/<int:translation_id>/", assist.translation, name="desk-translation"),
]

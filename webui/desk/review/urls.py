"""Routes under /desk/review/."""

from django.urls import path

from webui.desk.review import outcomes, views

urlpatterns = [
    path("", views.queue, name="desk-review"),
    path("next/", views.following, name="desk-review-next"),
    path("side/", views.side, name="desk-review-side"),
    path("<int:message_id>/", views.item, name="desk-review-item"),
    path("<int:message_id>/mark/", views.mark, name="desk-mark"),
    path("<int:message_id>/pick/<int:review_id>/", views.pick, name="desk-pick"),
    path("corrections/", outcomes.corrections_page, name="desk-corrections"),
    path("corrections/<int:correction_id>/withdraw/", outcomes.withdraw, name="desk-withdraw"),
    path("corrections/<slug:name>.jsonl", outcomes.examples_file, name="desk-examples"),
    path("conversations/<uuid:pk>/replay/", outcomes.start_replay, name="desk-start-replay"),
    path("replays/<int:replay_id>/", outcomes.replay_page, name="desk-replay"),
]

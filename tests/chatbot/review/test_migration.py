"""Reviews from before there was a room for them: nothing that an agent said is lost."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

OLD = [("conversations", "0003_inbox_indexes"), ("review", None)]
NEW = [("conversations", "0004_reviews_have_a_room"), ("review", "0001_reviews_of_turns")]
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def migrate(targets):
    executor = MigrationExecutor(connection)
    executor.migrate(targets)
    states = [target for target in targets if target[1] is not None]
    return MigrationExecutor(connection).loader.project_state(states).apps


@pytest.mark.django_db(transaction=True)
def test_old_reviews_are_copied_with_their_reviewer_and_time_and_come_back():
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    try:
        apps = migrate(OLD)
        agent = User.objects.create_user("alice")
        for verdict, text in (("good", ""), ("bad", "Within 30 days.")):
            add_old_review(apps, agent, verdict, text)
        apps = migrate(NEW)
        rows = apps.get_model("review", "Review").objects.order_by("pk")
        assert list(
            rows.values_list("verdict", "better_text", "reviewer__username", "reviewed_at", "message__text")
        ) == [
            ("right", "", "alice", AT, "good?"),
            ("bad_wording", "Within 30 days.", "alice", AT, "bad?"),
        ]
        apps = migrate(OLD)
        old = apps.get_model("conversations", "Review").objects.order_by("pk")
        assert list(old.values_list("verdict", "updated_at")) == [("good", AT), ("bad", AT)]
    finally:
        migrate(newest)


def add_old_review(apps, agent, verdict, text):
    models = {name: apps.get_model("conversations", name) for name in ("Customer", "Conversation", "Message", "Reply")}
    conversation = models["Conversation"].objects.create(customer=models["Customer"].objects.create(), last_seq=1)
    fields = {"conversation": conversation, "author": "customer", "created_at": AT}
    message = models["Message"].objects.create(seq=1, text=f"{verdict}?", **fields)
    reply = models["Reply"].objects.create(customer_message=message, conversation=conversation, queued_at=AT)
    reviews = apps.get_model("conversations", "Review").objects
    review = reviews.create(reply=reply, reviewer_id=agent.pk, verdict=verdict, better_text=text)
    reviews.filter(pk=review.pk).update(updated_at=AT)

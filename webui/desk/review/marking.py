"""What the mark partial shows of a turn: the verdicts so far, one's own first among them. The partial of all pages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User
from django.utils.translation import gettext_lazy as _

from chatbot.conversations.models import Conversation, Message
from chatbot.review.models import Review
from chatbot.review.services import BETTER_TEXT_MAX_CHARS

VERDICT_LABELS = {
    Review.Verdict.RIGHT.value: _("Right"),
    Review.Verdict.WRONG_ENTRY.value: _("Wrong entry"),
    Review.Verdict.MISSING_ANSWER.value: _("Missing answer"),
    Review.Verdict.BAD_WORDING.value: _("Bad wording"),
    Review.Verdict.SHOULD_HAND_OFF.value: _("Should hand off"),
    Review.Verdict.SENTIMENT_WRONG.value: _("Sentiment wrong"),
}


@dataclass(frozen=True)
class Choice:
    """One verdict as a button: its value, what it says, the key that gives it."""

    value: str
    label: object
    key: int


CHOICES = [Choice(value, label, key) for key, (value, label) in enumerate(VERDICT_LABELS.items(), start=1)]


@dataclass(frozen=True)
class Marking:
    """`message`: the customer's."""

    message: Message
    reviews: Sequence[Review] = ()
    own: Review | None = None

    @property
    def wrongs(self) -> list[Choice]:
        """Every verdict but the first, which has a button of its own."""
        return CHOICES[1:]

    @property
    def moods(self) -> list[str]:
        """Every sentiment but the one that the classifier gave."""
        return [mood for mood in Conversation.Mood.values if mood != self.message.sentiment]

    @property
    def better_text_max_chars(self) -> int:
        return BETTER_TEXT_MAX_CHARS

    @property
    def differs(self) -> bool:
        return len({review.verdict for review in self.reviews}) > 1


def markings_of(messages: Iterable[Message], viewer: User | AnonymousUser) -> dict[int, Marking]:
    """By the message's key, in one query however many there are."""
    by_message: dict[int, list[Review]] = {}
    known = {message.pk: message for message in messages}
    for review in Review.objects.filter(message__in=known).select_related("reviewer").order_by("reviewed_at", "pk"):
        by_message.setdefault(review.message_id, []).append(review)
    return {pk: _marking(message, by_message.get(pk, []), viewer) for pk, message in known.items()}


def _marking(message: Message, reviews: list[Review], viewer: User | AnonymousUser) -> Marking:
    return Marking(message, reviews, next((review for review in reviews if review.reviewer_id == viewer.pk), None))

"""An opened conversation: what each message shows, its windows, and reviews with and without a script."""

import re

import pytest
from django.urls import reverse

from chatbot.conversations import services
from chatbot.conversations.models import Message, Reply
from chatbot.review.models import Review
from tests.webui.desk.conftest import logged_in, make_conversation, make_exchange
from webui.desk import transcripts

pytestmark = pytest.mark.django_db


def seqs(response) -> list[int]:
    return [int(seq) for seq in re.findall(r'data-seq="(\d+)"', response.content.decode())]


def test_a_reply_shows_its_sources_action_confidence_model_and_times(alice):
    conversation = make_conversation(
        degraded="engine_down", options=[{"id": "a.en", "question": "Did you mean a cup?"}]
    )
    html = logged_in(alice).get(f"/desk/conversations/{conversation.pk}/").content.decode()
    for word in ("Can I return it?", "Within 30 days.", "0.87", "Answered", "91\u00a0%", "test-model-7", "engine down",
                 "Standalone: Can I return a cup?", "Did you mean a cup?", "Queued", "Finished", "12 ms"):  # fmt: skip
        assert word in html, word


def test_a_customer_message_shows_its_sentiment_and_probability(alice):
    conversation = make_conversation()
    html = logged_in(alice).get(f"/desk/conversations/{conversation.pk}/messages/?at=1").content.decode()
    assert "Negative" in html and "90\u00a0%" in html


def page_of_driven(user, text: str, phrases: list[tuple[int, int]] | None, label: str = "negative") -> str:
    conversation = make_conversation(question=text)
    message = conversation.messages.get(seq=1)
    services.record_sentiment(message=message, label=label, probability=0.9, phrases=phrases or [])
    if phrases is None:
        Message.objects.filter(pk=message.pk).update(sentiment_phrases=None)  # as a row was before phrases were kept
    addresses = (f"conversations/{conversation.pk}/messages/?at=1", f"review/{message.pk}/")
    transcript, review = (logged_in(user).get(f"/desk/{one}", headers={"X-Partial": "1"}) for one in addresses)
    texts = [re.search(r'<p class="message-text".*?</p>', page.content.decode()) for page in (transcript, review)]
    assert texts[0] and texts[1] and texts[0].group() == texts[1].group()
    return transcript.content.decode()


def test_the_phrases_that_drove_the_sentiment_are_marked_and_told_to_screen_readers(alice):
    text = "👍🏽 fast, <b>but rude</b> & late"
    html = page_of_driven(alice, text, [(text.index("<b>"), text.index(" &"))])
    marked = re.findall(
        r'<mark class="drove drove-negative" title="Pushed the label towards negative">(.*?)</mark>', html
    )
    assert marked == ["&lt;b&gt;but rude&lt;/b&gt;"]
    assert '<span class="visually-hidden">Pushed the label towards negative: <q lang="en">&lt;b&gt;but rude' in html
    assert "👍🏽 fast, <mark" in html and "</mark> &amp; late" in html


@pytest.mark.parametrize("phrases", [None, [], [(900, 950)]])
def test_a_text_without_phrases_that_fit_shows_unmarked(alice, phrases):
    html = page_of_driven(alice, "where is my parcel", phrases)
    assert "where is my parcel 0</p>" in html and "<mark" not in html


def test_the_marks_titles_are_in_the_readers_language(alice):
    conversation = make_conversation(question="thank you")
    message = conversation.messages.get(seq=1)
    services.record_sentiment(message=message, label="positive", probability=0.9, phrases=[(0, 9)])
    address = f"/desk/conversations/{conversation.pk}/messages/?at=1"
    html = logged_in(alice).get(address, headers={"Accept-Language": "zh-hans"}).content.decode()
    assert '<mark class="drove drove-positive" title="使判断偏向正面">thank you</mark>' in html


def test_what_a_customer_typed_is_shown_and_not_run(alice):
    conversation = make_conversation(question="<script>alert(1)</script>")
    html = logged_in(alice).get(f"/desk/conversations/{conversation.pk}/").content.decode()
    assert "<script>alert" not in html and "&lt;script&gt;alert" in html


def test_message_windows(alice, monkeypatch):
    monkeypatch.setattr(transcripts, "PAGE_SIZE", 4)
    conversation, client = make_conversation(5), logged_in(alice)
    page, partial = f"/desk/conversations/{conversation.pk}/", f"/desk/conversations/{conversation.pk}/messages/"
    assert seqs(client.get(page)) == [7, 8, 9, 10]
    assert seqs(client.get(f"{page}?before=7")) == [3, 4, 5, 6]
    assert seqs(client.get(f"{partial}?before=3")) == [1, 2]
    assert seqs(client.get(f"{partial}?after=8")) == [9, 10]
    assert seqs(client.get(f"{partial}?after=10")) == []
    assert seqs(client.get(f"{partial}?at=5")) == [5]
    assert client.get(f"{partial}?after=x").status_code == 404
    make_exchange(conversation, "One more?", "Yes.")
    assert seqs(client.get(f"{partial}?after=10")) == [11, 12]


def mark_address(reply: Reply) -> str:
    return reverse("desk-mark", args=[reply.customer_message_id])


def test_a_verdict_without_a_script_returns_to_the_reply_and_names_the_reviewer(alice, bob):
    reply = make_conversation().replies.get()
    response = logged_in(alice).post(
        mark_address(reply), {"verdict": "bad_wording", "better_text": " Within 30 days, unused. "}
    )
    assert response.url == f"/desk/conversations/{reply.conversation_id}/#reply-{reply.pk}"
    review = Review.objects.get()
    assert (review.reviewer, review.verdict, review.better_text) == (alice, "bad_wording", "Within 30 days, unused.")
    html = logged_in(bob).get(f"/desk/conversations/{reply.conversation_id}/").content.decode()
    assert "alice" in html and "Bad wording" in html and "Within 30 days, unused." in html


def test_a_verdict_by_script_gets_the_form_back_and_a_second_one_replaces_the_first(alice):
    reply, client = make_conversation().replies.get(), logged_in(alice)
    client.post(mark_address(reply), {"verdict": "wrong_entry"}, headers={"X-Partial": "1"})
    response = client.post(mark_address(reply), {"verdict": "right"}, headers={"X-Partial": "1"})
    assert response.status_code == 200
    assert re.search(r'value="right" aria-pressed="true"', response.content.decode())
    assert Review.objects.get().verdict == "right"


def test_a_verdict_that_says_nothing_known_or_too_much_is_refused(alice):
    reply, client = make_conversation().replies.get(), logged_in(alice)
    for wrong, told in (
        ({"verdict": "meh"}, "not one of the verdicts"),
        ({"verdict": "bad_wording", "better_text": "x" * 4001}, "Shorten it"),
        ({"verdict": "sentiment_wrong"}, "Choose the sentiment"),
        ({"verdict": "right", "sentiment": "furious"}, "Nothing was saved"),
    ):
        response = client.post(mark_address(reply), wrong)
        assert response.status_code == 400 and told in response.json()["text"]
    assert client.get(mark_address(reply)).status_code == 405
    assert client.post(reverse("desk-mark", args=[reply.message_id]), {"verdict": "right"}).status_code == 404
    assert not Review.objects.exists()


def test_a_wrong_sentiment_is_corrected_beside_the_classifiers_word(alice):
    reply = make_conversation().replies.get()
    logged_in(alice).post(mark_address(reply), {"verdict": "sentiment_wrong", "sentiment": "neutral"})
    assert Review.objects.get().corrected_sentiment == "neutral"
    reply.customer_message.refresh_from_db()
    assert reply.customer_message.sentiment == "negative"

"""Search over all messages in both languages, through the rows that services write; again on PostgreSQL."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from chatbot.conversations import demo, services
from chatbot.conversations.models import Conversation, Customer, Message, Reply
from chatbot.inbox import index, search
from chatbot.inbox.filters import parse_filters
from chatbot.inbox.models import AnswerUse
from chatbot.sentiment.trend import mood_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quiet(published, enqueued) -> None:
    """Nothing leaves the process."""


def say(*texts: str, conversation: Conversation | None = None) -> Conversation:
    conversation = conversation or services.current_conversation(customer=Customer.objects.create())
    for text in texts:
        services.receive_message(conversation=conversation, text=text, client_id="")
    return conversation


def found(query: str, conversations=None, **filters: str) -> list:
    everything = Conversation.objects.all() if conversations is None else conversations
    wanted = parse_filters(filters)
    hits = search.find(
        wanted.apply(everything), search.words_of(query), is_filtered=bool(wanted), before=None, num_wanted=40
    )
    return [hit.conversation_id for hit in hits.hits]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("refund", "I want a REFUND, please."),
        ("refu", "I want a refund"),
        ("teapot broken", "My teapot arrived. It was broken!"),
        ("退货", "我想退货，可以吗？"),
        ("货政", "退货政策是什么"),
        ("退货政策", "请问退货政策是什么？"),
        ("退", "能退吗"),
        ("吗", "能退吗"),
        ("iphone", "我用iPhone下单"),
        ("下单", "我用iPhone下单"),
        ("iPhone 下单", "我用iPhone下单"),
        ("订单 4711", "订单号是4711。"),
        ("café", "Is the Café open?"),
        ("don t", "I don't know"),
    ],
)
def test_words_are_found_in_english_and_in_chinese(query, text):
    conversation = say("hello", text, "goodbye")
    say("something else", "别的事情")
    assert found(query) == [conversation.pk]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("fund", "I want a refund"),
        ("政退", "退货政策"),
        ("退货政策", "退货，请看货政，政策"),  # all its pairs are there, the word is not
        ("refund delivery", "I want a refund"),
        ("退货 refund", "我想退货"),
    ],
)
def test_what_only_looks_alike_is_not_found(query, text):
    say(text)
    assert found(query) == []


def test_the_index_and_the_reader_without_it_agree():
    texts = [
        "I want a refund",
        "退货政策",
        "退货，货政，政策",
        "iPhone15 订单",
        "A-B c",
        "£5 ½ day",
        "x’s",
        "ﬀ",
        "日本語テスト",
    ]
    conversations = {text: say(text).pk for text in texts}
    for query in ["refund", "退货政策", "退货", "15", "iphone15", "a", "b c", "5", "s", "x", "日本", "订", "day"]:
        words = search.words_of(query)
        assert set(found(query)) == {pk for text, pk in conversations.items() if search.has_words(text, words)}, query


def test_the_newest_hit_comes_first_and_each_conversation_once():
    first, second = say("refund one", "refund two"), say("refund three")
    say("refund four", conversation=first)
    assert found("refund") == [first.pk, second.pk]


def test_pages_follow_one_another_without_repeating_a_conversation():
    made = [say(f"refund {n}", "refund again").pk for n in range(7)]
    say("refund at last", conversation=Conversation.objects.get(pk=made[0]))
    seen, before = [], None
    for _page in range(4):
        page = search.find(
            Conversation.objects.all(), search.words_of("refund"), is_filtered=False, before=before, num_wanted=2
        )
        seen += [hit.conversation_id for hit in page.hits]
        before = page.next_before
    assert before is None
    assert seen == [made[0], *reversed(made[1:])]


def test_a_search_that_reads_far_stops_and_says_where_to_go_on(monkeypatch):
    monkeypatch.setattr(search, "MAX_HITS_READ", 4)
    monkeypatch.setattr(search, "_FIRST_STEP", 2)
    monkeypatch.setattr(search, "_LARGEST_STEP", 2)
    monkeypatch.setattr(search, "_FEW_CONVERSATIONS", 0)
    wanted = say("refund, the oldest")
    Conversation.objects.filter(pk=wanted.pk).update(mood="negative")
    for n in range(6):
        say(f"refund {n}")
    unhappy, before, seen, num_pages = Conversation.objects.filter(mood="negative"), None, [], 0
    while num_pages == 0 or before is not None:
        page = search.find(unhappy, search.words_of("refund"), is_filtered=True, before=before, num_wanted=5)
        seen, before, num_pages = seen + page.hits, page.next_before, num_pages + 1
    assert [hit.conversation_id for hit in seen] == [wanted.pk]
    assert num_pages == 2


def test_what_is_changed_or_deleted_is_found_as_it_is_now():
    conversation = say("my secret address", "我的地址")
    Message.objects.filter(text="my secret address").update(text="gone")
    assert found("secret") == [] and found("gone") == [conversation.pk]
    Message.objects.filter(text="gone").update(text="")
    assert found("gone") == []
    conversation.delete()
    assert found("地址") == []


def test_messages_written_in_bulk_are_found_too():
    assert demo.add_demo_conversations(sources={}, mood_of=mood_of) > 10
    for message in Message.objects.filter(author="customer")[:20]:
        assert message.conversation_id in found(message.text[:40])


def test_installing_again_changes_nothing_and_finds_what_was_there_before():
    conversation = say("refund")
    connection.check_constraints()  # PostgreSQL alters no table with constraints still to be checked
    index.uninstall(connection)
    index.install(connection)
    index.install(connection)
    assert found("refund") == [conversation.pk]
    assert found("later") == []
    say("later", conversation=conversation)
    assert found("later") == [conversation.pk]


@pytest.mark.parametrize("query", ["", "   ", "!?", "。，", '"', "*", "AND"])
def test_a_query_without_words_is_empty_and_syntax_is_no_syntax(query):
    words = search.words_of(query)
    assert bool(words) == (query == "AND")
    say("something")
    if words:
        assert found(query) == []


def test_filters_narrow_a_search():
    calm, cross = say("refund please"), say("refund now")
    Conversation.objects.filter(pk=cross.pk).update(mood="negative", language="zh", rating=1)
    for filters in ({"mood": "negative"}, {"language": "zh"}, {"rating": "low"}, {"rating": "1"}):
        assert found("refund", **filters) == [cross.pk]
    assert set(found("refund", mood="nonsense", agent="x", since="yesterday")) == {calm.pk, cross.pk}
    tomorrow = (timezone.localdate() + timedelta(days=1)).isoformat()
    assert found("refund", since=tomorrow) == []
    assert len(found("refund", until=timezone.localdate().isoformat())) == 2


@pytest.mark.parametrize("few", [0, 1000])
def test_replies_are_found_by_action_model_rating_and_the_answer_they_used(monkeypatch, few):
    monkeypatch.setattr("chatbot.inbox.filters._FEW_REPLIES", few)
    answered, other = say("refund?"), say("refund!")
    reply = services.claim_reply(reply_id=answered.replies.get().pk, attempt=1)
    finished = services.FinishedReply(
        text="Within 30 days.",
        action="answer",
        model_version="m7",
        sources=[{"id": "returns.en"}, {"id": "returns.en"}],
    )
    services.finish_reply(reply=reply, finished=finished)
    services.rate_reply(reply=Reply.objects.get(pk=reply.pk), rating="down")
    for filters in ({"action": "answer"}, {"model": "m7"}, {"answer": "returns.en"}, {"rating": "down"}):
        assert found("refund", **filters) == [answered.pk], filters
    assert found("refund", answer="other.en") == []
    assert AnswerUse.objects.count() == 1
    Reply.objects.filter(pk=reply.pk).update(sources=[{"id": "other.en"}, "odd", {"no": "id"}])
    assert found("refund", answer="other.en") == [answered.pk] and found("refund", answer="returns.en") == []
    assert other.pk not in found("refund", answer="other.en")


def test_a_snippet_shows_the_words_in_their_surroundings():
    text = "It began well. " * 5 + "Then I asked for a refund twice; a REFUND, I said. " + "And so on. " * 20
    pieces = search.snippet_of(text, search.words_of("refund"))
    assert [piece.text for piece in pieces if piece.is_match] == ["refund", "REFUND"]
    whole = "".join(piece.text for piece in pieces)
    assert whole.startswith("…") and whole.endswith("…") and whole.strip("…") in text
    chinese = search.snippet_of("请问退货政策是什么？", search.words_of("退货"))
    assert [(piece.text, piece.is_match) for piece in chinese] == [
        ("请问", False),
        ("退货", True),
        ("政策是什么？", False),
    ]

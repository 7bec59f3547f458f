"""Agents step in: one at a time, the bot silent meanwhile, and nothing of the customer's left unanswered."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from chatbot import events, queue
from chatbot.conversations import handling, services
from chatbot.conversations.models import AGENTS_GROUP, Conversation, Customer, Message, Reply
from chatbot.conversations.services import FinishedReply

pytestmark = pytest.mark.django_db(transaction=True)
ANSWER = FinishedReply(text="Within 30 days.", action="answer")


@pytest.fixture
def conversation() -> Conversation:
    return services.current_conversation(customer=Customer.objects.create())


@pytest.fixture(autouse=True)
def queued(monkeypatch) -> list:
    tasks = []
    monkeypatch.setattr(queue, "enqueue", lambda *args: tasks.append(args))
    return tasks


@pytest.fixture
def published(monkeypatch) -> list:
    happened = []
    monkeypatch.setattr(events, "publish", happened.append)
    return happened


def make_agent(name: str) -> User:
    user = User.objects.create_user(name, first_name=name.title())
    user.groups.add(Group.objects.get_or_create(name=AGENTS_GROUP)[0])
    return user


def ask(conversation: Conversation, text: str = "Can I return it?") -> Message:
    return services.receive_message(conversation=conversation, text=text, client_id="")


def fresh(conversation: Conversation) -> Conversation:
    return Conversation.objects.get(pk=conversation.pk)


def test_taking_over_cancels_the_running_answer_and_the_worker_s_result_is_dropped(conversation, published):
    reply = services.claim_reply(reply_id=ask(conversation).reply.pk, attempt=1)
    handling.take_over(conversation=conversation, agent=make_agent("alice"))
    assert not services.renew_lease(reply=reply)
    assert services.finish_reply(reply=reply, finished=ANSWER) is None
    assert [event.reason for event in published if isinstance(event, events.ReplyCancelled)] == ["taken_over"]
    assert fresh(conversation).state().agent_name == "Alice"
    assert conversation.messages.last().kind == Message.Kind.TAKEN_OVER


def test_while_an_agent_has_it_the_bot_stays_silent_and_the_customer_waits_for_the_agent(conversation):
    alice = make_agent("alice")
    handling.take_over(conversation=conversation, agent=alice)
    message = ask(conversation)
    assert not Reply.objects.filter(customer_message=message).exists()
    assert fresh(conversation).waiting_since == message.created_at
    ask(conversation, "Hello?")
    assert fresh(conversation).waiting_since == message.created_at
    handling.send_agent_message(conversation=conversation, agent=alice, text="You can.", client_id="a1")
    assert fresh(conversation).waiting_since is None
    assert not fresh(conversation).needs_human


def test_the_second_of_two_agents_is_told_who_was_first(conversation):
    alice, bob = make_agent("alice"), make_agent("bob")
    handling.take_over(conversation=conversation, agent=alice)
    with pytest.raises(handling.TakenByOtherError, match="Alice"):
        handling.send_agent_message(conversation=conversation, agent=bob, text="Me too.")
    assert not conversation.messages.filter(author="agent").exists()
    handling.take_over(conversation=conversation, agent=bob, is_forced=True)
    assert fresh(conversation).assignee == bob


def test_an_agent_s_message_is_saved_once_per_client_id(conversation):
    alice = make_agent("alice")
    for _ in range(2):
        handling.send_agent_message(conversation=conversation, agent=alice, text="You can.", client_id="a1")
    assert [message.text for message in conversation.messages.filter(author="agent")] == ["You can."]


def test_handing_back_lets_the_bot_answer_what_nobody_has_answered(conversation, queued):
    alice = make_agent("alice")
    message = ask(conversation)
    handling.take_over(conversation=conversation, agent=alice)
    queued.clear()
    handling.hand_back(conversation=conversation, agent=alice)
    reply = Reply.objects.get(customer_message=message)
    assert (queue.GENERATE_REPLY, reply.pk, reply.attempt) in queued
    mine = services.claim_reply(reply_id=reply.pk, attempt=reply.attempt)
    assert services.finish_reply(reply=mine, finished=ANSWER).text == "Within 30 days."


def test_handing_back_what_the_agent_has_answered_promises_nothing(conversation, queued):
    alice = make_agent("alice")
    ask(conversation)
    handling.send_agent_message(conversation=conversation, agent=alice, text="You can.")
    queued.clear()
    handling.hand_back(conversation=conversation, agent=alice)
    assert queued == []


def test_a_customer_who_writes_again_opens_a_closed_conversation_and_ends_a_snooze(conversation):
    alice = make_agent("alice")
    ask(conversation)
    handling.close(conversation=conversation, agent=alice)
    assert fresh(conversation).status == "closed"
    handling.snooze(conversation=conversation, until=timezone.now() + timedelta(days=1))
    message = ask(conversation, "One more thing")
    assert fresh(conversation).status == "open"
    assert fresh(conversation).snoozed_until is None
    assert message.reply.status == Reply.Status.PENDING


def test_only_agents_get_conversations_and_the_one_with_the_fewest_gets_the_next(conversation):
    outsider = User.objects.create_user("charlie")
    with pytest.raises(handling.NotAnAgentError):
        handling.assign(conversation=conversation, assignee=outsider)
    alice, bob = make_agent("alice"), make_agent("bob")
    handling.assign(conversation=conversation, assignee=alice)
    other = services.current_conversation(customer=Customer.objects.create())
    assert handling.assign_round_robin(conversation=other) == bob


def test_a_customer_who_stops_the_answer_gets_none_and_can_ask_again(conversation):
    reply = services.claim_reply(reply_id=ask(conversation).reply.pk, attempt=1)
    services.stop_reply(conversation=conversation)
    services.stop_reply(conversation=conversation)
    assert services.finish_reply(reply=reply, finished=ANSWER) is None
    assert [message.kind for message in conversation.messages.all()] == ["", "stopped"]
    assert services.claim_reply(reply_id=ask(conversation, "Again").reply.pk, attempt=1)


def test_asking_for_a_person_twice_counts_from_the_first_time(conversation):
    services.request_person(conversation=conversation)
    since = fresh(conversation).waiting_since
    services.request_person(conversation=conversation)
    assert fresh(conversation).waiting_since == since
    assert fresh(conversation).needs_human
    assert [message.kind for message in conversation.messages.all()] == ["handoff_requested"]


def test_what_was_seen_never_goes_back_nor_past_the_last_message(conversation):
    ask(conversation)
    services.mark_seen_by_customer(conversation=conversation, seq=1)
    services.mark_seen_by_customer(conversation=conversation, seq=0)
    services.mark_seen_by_customer(conversation=conversation, seq=7)
    assert fresh(conversation).customer_seen_seq == 1


def test_undoing_a_take_over_gives_the_customer_back_to_the_bot_and_keeps_them_waiting_as_before(conversation, queued):
    alice, bob = make_agent("alice"), make_agent("bob")
    message = ask(conversation)
    handling.assign(conversation=conversation, assignee=bob)
    services.request_person(conversation=conversation)
    before = fresh(conversation)
    handling.take_over(conversation=conversation, agent=alice)
    queued.clear()
    handling.undo(conversation=conversation, agent=alice)
    after = fresh(conversation)
    assert (after.handled_by, after.assignee, after.needs_human) == ("bot", bob, True)
    assert after.waiting_since == before.waiting_since
    assert conversation.messages.last().kind == Message.Kind.HANDED_BACK
    reply = Reply.objects.get(customer_message=message)
    assert (queue.GENERATE_REPLY, reply.pk, reply.attempt) in queued


def test_undoing_a_close_gives_the_agent_the_conversation_back(conversation):
    alice = make_agent("alice")
    ask(conversation)
    handling.take_over(conversation=conversation, agent=alice)
    handling.close(conversation=conversation, agent=alice)
    handling.undo(conversation=conversation, agent=alice)
    after = fresh(conversation)
    assert (after.status, after.closed_at, after.handled_by, after.assignee) == ("open", None, "agent", alice)
    assert conversation.messages.last().kind == Message.Kind.REOPENED


def test_undoing_a_conversation_taken_from_a_colleague_gives_it_back_to_them(conversation):
    alice, bob = make_agent("alice"), make_agent("bob")
    handling.take_over(conversation=conversation, agent=bob)
    handling.take_over(conversation=conversation, agent=alice, is_forced=True)
    handling.undo(conversation=conversation, agent=alice)
    assert fresh(conversation).assignee == bob
    assert (conversation.messages.last().kind, conversation.messages.last().agent) == (Message.Kind.TAKEN_OVER, bob)


def test_what_the_customer_wrote_meanwhile_keeps_a_conversation_open_that_an_undo_would_close(conversation):
    alice = make_agent("alice")
    ask(conversation)
    handling.close(conversation=conversation, agent=alice)
    handling.reopen(conversation=conversation, agent=alice)
    ask(conversation, "Still there?")
    handling.undo(conversation=conversation, agent=alice)
    assert fresh(conversation).status == "open"


def test_nothing_is_undone_twice_nor_after_an_answer_nor_by_somebody_else(conversation):
    alice, bob = make_agent("alice"), make_agent("bob")
    ask(conversation)
    handling.take_over(conversation=conversation, agent=alice)
    with pytest.raises(handling.NothingToUndoError):
        handling.undo(conversation=conversation, agent=bob)
    handling.send_agent_message(conversation=conversation, agent=alice, text="You can.")
    with pytest.raises(handling.NothingToUndoError):
        handling.undo(conversation=conversation, agent=alice)
    handling.close(conversation=conversation, agent=alice)
    handling.undo(conversation=conversation, agent=alice)
    with pytest.raises(handling.NothingToUndoError):
        handling.undo(conversation=conversation, agent=alice)
    assert fresh(conversation).status == "open"

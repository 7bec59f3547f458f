import threading

import pytest
from django.db import IntegrityError, connection, transaction

from chatbot import queue
from chatbot.conversations import services
from chatbot.conversations.models import Conversation, Customer, Message, Reply


def receive(conversation, text="hello", client_id="c1"):
    return services.receive_message(conversation=conversation, text=text, client_id=client_id)


def test_a_message_and_its_pending_reply_are_saved_together(conversation, enqueued, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        message = receive(conversation)
    assert message.reply.status == Reply.Status.PENDING
    assert (queue.GENERATE_REPLY, message.reply.pk, 1) in enqueued
    assert (queue.ANALYSE_MESSAGE, message.pk) in enqueued


def test_nothing_is_kept_of_a_message_whose_reply_cannot_be_saved(conversation, monkeypatch):
    def fail(**kwargs):
        raise IntegrityError("disk full")

    monkeypatch.setattr(Reply.objects, "get_or_create", fail)
    with pytest.raises(IntegrityError), transaction.atomic():
        receive(conversation)
    assert not Message.objects.exists()
    conversation.refresh_from_db()
    assert conversation.last_seq == 0


def test_events_and_tasks_wait_for_the_commit(conversation, enqueued, published, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        receive(conversation)
        assert enqueued == [] and published == []
    for callback in callbacks:
        callback()
    assert [event.name for event in published if not event.is_for_desk] == ["message.saved"]
    assert len(enqueued) == 2


def test_the_same_client_id_gives_one_message_and_one_task(conversation, enqueued, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        first = receive(conversation)
        again = receive(conversation)
    assert first.pk == again.pk
    assert Message.objects.count() == Reply.objects.count() == 1
    assert [task for task in enqueued if task[0] == queue.GENERATE_REPLY] == [(queue.GENERATE_REPLY, first.reply.pk, 1)]


@pytest.mark.parametrize(("text", "code"), [("  \n ", "empty"), ("x" * 2001, "too_long")])
def test_a_message_that_cannot_be_taken_is_refused_with_a_code(conversation, text, code):
    with pytest.raises(services.MessageRefusedError) as refused:
        receive(conversation, text=text)
    assert refused.value.code == code
    assert not Message.objects.exists()


def test_the_database_refuses_a_second_reply_to_one_message(conversation):
    message = receive(conversation)
    with pytest.raises(IntegrityError), transaction.atomic():
        Reply.objects.create(customer_message=message, conversation=conversation, queued_at=message.created_at)


def run_at_once(work, num_threads: int) -> None:
    threads = [threading.Thread(target=work, args=(n,)) for n in range(num_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_two_tabs_that_open_at_once_share_one_conversation():
    customer = Customer.objects.create()

    def open_tab(_: int) -> None:
        try:
            services.current_conversation(customer=customer)
        finally:
            connection.close()

    run_at_once(open_tab, 6)
    assert Conversation.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_messages_that_arrive_at_once_get_contiguous_seqs(conversation, enqueued, published):
    num_threads, num_each = 6, 8

    def send(sender: int) -> None:
        try:
            for n in range(num_each):
                receive(conversation, text=f"{sender}.{n}", client_id=f"{sender}.{n}")
                receive(conversation, text=f"{sender}.{n}", client_id=f"{sender}.{n}")  # resent
        finally:
            connection.close()

    run_at_once(send, num_threads)
    seqs = list(conversation.messages.order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, num_threads * num_each + 1))

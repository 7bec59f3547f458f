"""What a customer sends and what comes back over the socket."""

import asyncio

from chatbot import events
from chatbot.conversations import services
from chatbot.conversations.models import Message, Reply


async def test_a_message_is_confirmed_after_it_was_saved_with_the_promise_of_a_reply(browsers, token, conversation):
    browser = await browsers(token)
    assert (await browser.subscribe())["messages"] == []
    await browser.send(" How much is delivery? ", client_id="abc")
    saved = (await browser.hear("message.saved"))["message"]
    assert (saved["seq"], saved["text"], saved["client_id"]) == (1, "How much is delivery?", "abc")
    reply = await Reply.objects.aget(customer_message_id=saved["id"])
    assert reply.status == Reply.Status.PENDING


async def test_the_same_client_id_twice_is_one_message_and_is_confirmed_twice(browsers, token, conversation):
    browser = await browsers(token)
    await browser.send("Hello")
    first = await browser.hear("message.saved")
    await browser.send("Hello")
    assert (await browser.hear("message.saved"))["message"] == first["message"]
    assert await Message.objects.acount() == await Reply.objects.acount() == 1


async def test_a_second_tab_sees_the_message_and_the_whole_reply(browsers, token, conversation, in_database):
    tab, second = await browsers(token), await browsers(token)
    await tab.subscribe()
    await second.subscribe()
    await tab.send("运费多少钱？")
    saved = (await second.hear("message.saved"))["message"]
    reply_id = (await Reply.objects.aget(customer_message_id=saved["id"])).pk
    reply = await in_database(services.claim_reply, reply_id=reply_id, attempt=1)
    assert await second.hear("reply.started") == about(conversation, reply_id)
    events.publish(events.ReplyDelta(**about(conversation, reply_id), text="运费"))
    assert (await second.hear("reply.delta"))["text"] == "运费"
    finished = services.FinishedReply(text="运费 6.90 美元。", action="answer", sources=[SOURCE | {"score": 0.9}])
    await in_database(services.finish_reply, reply=reply, finished=finished)
    message = (await second.hear("reply.finished"))["message"]
    assert (message["seq"], message["text"], message["reply_id"]) == (2, "运费 6.90 美元。", reply_id)
    assert message["sources"] == [SOURCE], "how well a source matched is not for customers"


async def test_a_subscription_catches_up_after_the_last_seq_and_names_the_running_reply(
    browsers, token, conversation, in_database
):
    for n in range(3):
        await in_database(services.receive_message, conversation=conversation, text=f"q{n}", client_id=f"c{n}")
    browser = await browsers(token)
    snapshot = await browser.subscribe(last_seq=1)
    assert [message["text"] for message in snapshot["messages"]] == ["q1", "q2"]
    assert snapshot["running_reply"] == {"reply_id": (await first_reply()).pk, "attempt": 1}
    assert (await browser.subscribe(last_seq=3))["messages"] == []


async def test_nothing_is_running_in_the_snapshot_once_the_reply_is_finished(
    browsers, token, conversation, in_database
):
    await in_database(services.receive_message, conversation=conversation, text="q", client_id="c")
    reply = await in_database(services.claim_reply, reply_id=(await first_reply()).pk, attempt=1)
    finished = services.FinishedReply(text="a", action="answer", sources=[SOURCE | {"score": 0.9}])
    await in_database(services.finish_reply, reply=reply, finished=finished)
    snapshot = await (await browsers(token)).subscribe()
    assert snapshot["running_reply"] is None
    assert [(message["author"], message["sources"]) for message in snapshot["messages"]] == [
        ("customer", []),
        ("bot", [SOURCE]),
    ]


async def test_what_is_saved_while_a_browser_subscribes_reaches_it(browsers, token, conversation, in_database):
    browser = await browsers(token)
    await browser.say({"type": "conversation.subscribe", "last_seq": 0})
    await in_database(services.receive_message, conversation=conversation, text="meanwhile", client_id="x")
    seen = []
    while "meanwhile" not in seen:
        data = await browser.hear()
        seen += [message["text"] for message in data.get("messages", [data.get("message")]) if message]


async def test_events_of_another_conversation_do_not_arrive(browsers, token, conversation, in_database):
    browser = await browsers(token)
    await browser.subscribe()
    other = await in_database(new_conversation)
    await in_database(services.receive_message, conversation=other, text="private", client_id="x")
    await asyncio.to_thread(events.flush)
    assert await browser.receive_nothing(timeout=0.3)


async def test_the_language_of_a_new_conversation_is_the_browsers(browsers, token):
    browser = await browsers(token, **{"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"})
    conversation_id = (await browser.subscribe())["conversation_id"]
    conversation = await services.Conversation.objects.aget(pk=conversation_id)
    assert conversation.language == "zh"


SOURCE = {"id": "delivery.zh", "question": "运费多少钱？", "text": "运费 6.90 美元。"}


def about(conversation, reply_id: int) -> dict:
    return {"conversation_id": str(conversation.pk), "reply_id": reply_id, "attempt": 1}


async def first_reply() -> Reply:
    reply = await Reply.objects.order_by("pk").afirst()
    assert reply is not None
    return reply


def new_conversation() -> services.Conversation:
    return services.current_conversation(customer=services.Customer.objects.create())

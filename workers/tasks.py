"""What a worker does for each task named in `chatbot.queue`. Tasks take primary keys only; the services decide."""

from chatbot import queue
from chatbot.assist.analysis import analyse_message as analyse
from chatbot.reply import services as replies


@queue.app.task(name=queue.GENERATE_REPLY)
def generate_reply(reply_id: int, attempt: int) -> None:
    replies.generate_reply(reply_id=reply_id, attempt=attempt)


@queue.app.task(name=queue.ANALYSE_MESSAGE)
def analyse_message(message_id: int) -> None:
    analyse(message_id)


@queue.app.task(name=queue.REQUEUE_STUCK_REPLIES)
def requeue_stuck() -> None:
    replies.requeue_stuck()

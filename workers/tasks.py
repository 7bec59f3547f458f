"""What a worker does for each task named in `chatbot.queue`. Tasks take primary keys only; the services decide."""

from functools import partial
from zoneinfo import ZoneInfo

from django.conf import settings

from chatbot import queue
from chatbot.assist import services as assist
from chatbot.assist import summaries
from chatbot.assist.analysis import analyse_message as analyse
from chatbot.attachments import services as attachments
from chatbot.company import emails
from chatbot.inbox import services as inbox
from chatbot.insight import roll_up as insight
from chatbot.reply import services as replies
from chatbot.review import queue as review_queue
from chatbot.review import replays


@queue.app.task(name=queue.GENERATE_REPLY)
def generate_reply(reply_id: int, attempt: int) -> None:
    replies.generate_reply(reply_id=reply_id, attempt=attempt)


@queue.app.task(name=queue.ANALYSE_MESSAGE)
def analyse_message(message_id: int) -> None:
    analyse(message_id)
    review_queue.look_again(message_id)


@queue.app.task(name=queue.REQUEUE_STUCK_REPLIES)
def requeue_stuck() -> None:
    replies.requeue_stuck()


@queue.app.task(name=queue.ROLL_UP_INSIGHT)
def roll_up_insight() -> None:
    insight.roll_up(zone=ZoneInfo(settings.TIME_ZONE))


@queue.app.task(name=queue.GIVE_OUT_WAITING)
def give_out_waiting() -> None:
    inbox.give_out_waiting()


@queue.app.task(name=queue.REMOVE_ORPHANED_ATTACHMENTS)
def remove_orphaned_attachments() -> None:
    attachments.remove_orphans()


@queue.app.task(name=queue.SEND_CODE)
def send_code(request_id: int) -> None:
    emails.send_code(request_id)


@queue.app.task(name=queue.SEND_TRANSCRIPT)
def send_transcript(request_id: int) -> None:
    emails.send_transcript(request_id)


@queue.app.task(name=queue.SUMMARISE)
def summarise(message_id: int) -> None:
    summaries.summarise_up_to(message_id)


@queue.app.task(name=queue.SUGGEST)
def suggest(suggestion_id: int) -> None:
    assist.suggest(suggestion_id, preview=replies.preview_reply)


@queue.app.task(name=queue.TRANSLATE)
def translate(translation_id: int) -> None:
    assist.translate(translation_id)


@queue.app.task(name=queue.DRAFT_ALTERNATIVES)
def draft_alternatives(draft_id: int) -> None:
    assist.draft_alternatives(draft_id)


@queue.app.task(name=queue.FILL_REVIEW_QUEUE)
def fill_review_queue() -> None:
    review_queue.fill_queue()


@queue.app.task(name=queue.REPLAY)
def replay(replay_id: int) -> None:
    replays.run(replay_id, answers=partial(replies.replay_replies, max_turns=replays.MAX_TURNS))

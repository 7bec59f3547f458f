"""How the desk's templates write moods, actions, shares, durations and times."""

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, json_script
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chatbot.conversations.handling import agents
from chatbot.conversations.models import Conversation, Message, agent_display_name
from chatbot.notes.services import canned_replies_for
from webui.desk.conversation.why import REASONS
from webui.desk.pieces import Piece, pieces_of

register = template.Library()

_MOODS = {"negative": _("Negative"), "neutral": _("Neutral"), "positive": _("Positive")}
_PUSHES = {"negative": _("Pushed the label towards negative"), "positive": _("Pushed the label towards positive")}
_ACTIONS = {
    "answer": _("Answered"),
    "clarify": _("Asked back"),
    "decline": _("Declined"),
    "handoff": _("Handed off"),
    "smalltalk": _("Smalltalk"),
}
_AUTHORS = {"customer": _("Customer"), "bot": _("Bot"), "agent": _("Agent"), "system": _("System")}
_SYSTEM_TEXTS = {
    "taken_over": _("%(name)s took over."),
    "handed_back": _("Handed back to the bot."),
    "handoff_requested": _("The customer asked for a person."),
    "stopped": _("The customer stopped the answer."),
    "closed": _("%(name)s closed the conversation."),
    "reopened": _("%(name)s opened the conversation again."),
    "left_message": _("The customer left a message outside office hours."),
}
_OPEN_REASONS = {
    "declined": _("declined"),
    "handed_off": _("handed off"),
    "unclear": _("asked back"),
    "stopped": _("stopped by the customer"),
    "unanswered": _("unanswered"),
}
_FACTS = {
    "order_number": _("Order"),
    "name": _("Name"),
    "email": _("E-mail"),
    "phone": _("Phone"),
    "amount": _("Amount"),
    "date": _("Date"),
    "product": _("Product"),
    "plan": _("Plan"),
    "link": _("Link"),
}
_LANGUAGES = {"en": _("English"), "zh": _("Chinese")}
_ORIGINS = {
    "generated": _("Written by the model, supported by the sources"),
    "approved_text": _("The approved text, word for word"),
    "approved text": _("The approved text, word for word"),
    "fixed": _("A fixed sentence"),
}


_ASSIST_ERRORS = {
    "declined": _("No approved answer fits this question. You would have to answer it yourself."),
    "unclear": _("Several approved answers could be meant; ask the customer which, or search the answers."),
    "handed_off": _("The customer wants a person: there is nothing to suggest."),
    "smalltalk": _("The customer asked nothing, so there is nothing to suggest."),
    "nothing_asked": _("There is nothing to work with yet."),
    "needs_model": _("The built-in model is too small to translate well. KEFU_OPENAI_URL can name a larger one."),
    "same_language": _("It is in that language already."),
    "engine_down": _("The model isn't running. Try again in a moment."),
    "locked_changed": _("The translation changed a name, a number or a link, so it was thrown away."),
    "invented": _("The translation held a number or a link that the original doesn't, so it was thrown away."),
    "failed": _("That did not work. Try again."),
}
_MAX_AGENTS = 200


@register.filter
def mood_label(mood: str) -> object:
    return _MOODS.get(mood, mood)


@register.filter
def mood_pieces(message: Message) -> list[Piece]:
    """The message's text; marked are the phrases that drove its sentiment. Unmarked where none were looked for."""
    return pieces_of(message.text, message.sentiment_phrases or [])


@register.filter
def push_label(mood: str) -> object:
    return _PUSHES.get(mood, "")


@register.filter
def action_label(action: str) -> object:
    return _ACTIONS.get(action, action)


@register.filter
def author_label(author: str) -> object:
    return _AUTHORS.get(author, author)


@register.filter
def system_text(message: Message) -> str:
    """A system message in the reader's language, with the agent's name where there is one."""
    return str(_SYSTEM_TEXTS.get(message.kind, message.text)) % {"name": message.agent_name or _("Somebody")}


@register.simple_tag
def reply_texts() -> SafeString:
    """What the composer's script says, as one JSON block."""
    texts = {
        "tookOver": _("You took over. The bot is silent."),
        "noteDeleted": _("The note is deleted."),
        "handedBack": _("Handed back to the bot."),
        "closed": _("Closed."),
        "reopened": _("Opened again."),
        "undo": _("Undo"),
        "taken": _("{name} answers this customer. Nothing was sent; your text is kept."),
        "nothing_to_undo": _("It is too late to undo that: somebody has gone on since."),
        "too_long": _("That is too long. Nothing was sent; shorten it and send it again."),
        "not_yours": _("Only who wrote a note can change it."),
        "noHelp": _("That did not work: the site or its worker can't be reached. Try again."),
        "replyLabel": _("Your reply to the customer"),
        "replyPlaceholder": _("Write to the customer"),
        "replySend": _("Send"),
        "noteLabel": _("Your note for colleagues"),
        "notePlaceholder": _("For colleagues; part of the customer's data if they ask for it. @name tells somebody."),
        "noteSend": _("Save note"),
        "failed": _("Not sent: the site can't be reached. Your text is kept; try again."),
        "askTake": _("Take this conversation from your colleague? They see that you did."),
    }
    return json_script({key: str(text) for key, text in texts.items()}, "reply-texts")


@register.simple_tag(takes_context=True)
def reply_choices(context: dict[str, Any], conversation: Conversation) -> SafeString:
    """What the reply box offers after a mark, as one JSON block: canned replies in the customer's language, agents."""
    canned = canned_replies_for(conversation=conversation, agent=context["request"].user)
    named = [(user.get_username(), agent_display_name(user)) for user in agents().order_by("username")[:_MAX_AGENTS]]
    choices = {
        "canned": [{"key": one.shortcut, "title": one.title, "text": one.text} for one in canned],
        "agents": [{"key": username, "title": name} for username, name in named],
    }
    return json_script(choices, "reply-choices")


@register.filter
def reason_text(reason: str) -> object:
    """Why the bot chose its action, as a sentence."""
    return REASONS.get(reason, "")


@register.filter
def assist_error(code: str) -> object:
    return _ASSIST_ERRORS.get(code, _ASSIST_ERRORS["failed"])


@register.filter
def stars(rating: int | None) -> str:
    return "" if rating is None else "★" * rating + "☆" * (5 - rating)


@register.filter
def open_reason(reason: str) -> object:
    return _OPEN_REASONS.get(reason, reason)


@register.filter
def fact_label(name: str) -> object:
    return _FACTS.get(name, name)


@register.filter
def language_label(language: str) -> object:
    return _LANGUAGES.get(language[:2], language)


@register.filter
def origin_label(origin: str) -> object:
    return _ORIGINS.get(origin, origin)


@register.filter
def words(name: str) -> str:
    """A stable code as words: `first_token_ms` becomes "first token"."""
    return name.removesuffix("_ms").replace("_", " ")


@register.filter
def percent(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.0f}\u00a0%"


@register.filter
def seconds(duration_s: float | None) -> str:
    if duration_s is None:
        return ""
    return f"{duration_s:.1f}\u00a0s" if duration_s < 99.95 else f"{duration_s / 60:.0f}\u00a0min"


@register.simple_tag
def moment(at: datetime | None, style: str = "time") -> SafeString | str:
    """A <time>: the script writes it anew in the browser's own zone. `style`: list, time or full."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    full = date_format(local, "SHORT_DATETIME_FORMAT")
    is_today = local.date() == timezone.localdate()
    short = date_format(local, "H:i") if style == "time" or is_today else date_format(local, "j M")
    shown = full if style == "full" else short
    return format_html('<time datetime="{}" title="{}" data-style="{}">{}</time>', at.isoformat(), full, style, shown)

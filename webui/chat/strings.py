"""Everything that the chat's script says, in the visitor's language; handed over as one JSON block."""

from typing import Any

from django.utils.translation import gettext as _

from webui.chat.feature_strings import feature_strings


def script_strings() -> dict[str, Any]:
    return {
        "you": _("You"),
        "bot": _("Chatbot"),
        "agent": _("Our team"),
        "says": _("{name} says: {text}"),
        "sending": _("Sending…"),
        "waiting": _("Waiting for the connection"),
        "sent": _("Sent"),
        "seen": _("Seen"),
        "botTyping": _("The chatbot is writing"),
        "agentTyping": _("{name} is writing"),
        "system": {
            "taken_over": _("{name} has joined and answers you from here."),
            "handed_back": _("{name} has left. The chatbot answers again."),
            "handoff_requested": _("You asked for a person. Somebody from our team will reply here."),
            "stopped": _("You stopped this answer."),
            "closed": _("This conversation was closed. Write to open it again."),
            "reopened": _("This conversation is open again."),
            "left_message": _("Your message was left for our team. They will reply."),
        },
        "tryAgain": _("Try again"),
        "failed": _("Not sent. Your text is kept."),
        "failedTooLong": _("Not sent: it is longer than {max} characters. Your text is back in the box."),
        "failedTooFast": _("Not sent: many messages at once. Wait a moment, then try again."),
        "failedForm": _("Not sent yet. Fill in the form, and it goes out by itself."),
        "source": _("From our answers"),
        "sourceOpen": _("Show the approved text: {question}"),
        "sourceClose": _("Hide the approved text: {question}"),
        "noteHandoff": _("A person from our team will read this and reply here."),
        "noteDegraded": _("The chatbot can't answer fully right now. A person from our team will follow up here."),
        "lost": _("Connection lost. Your messages are kept, and we are trying again."),
        "ended": _("This chat is no longer open in this browser. Reload the page to start a new one."),
        "reload": _("Reload"),
        "newMessages": _("New messages"),
        "counter": _("{left} characters left"),
        "tooLong": _("{over} characters too many"),
        "openChat": _("Open chat"),
        "closeChat": _("Close chat"),
        "today": _("Today"),
        "yesterday": _("Yesterday"),
    } | feature_strings()

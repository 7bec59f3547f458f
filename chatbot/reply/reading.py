"""What kind of turn it is: the rules first, then the trained classifier."""

from chatbot.reply.intents import Reading, read_by_rules


def read_turn(text: str) -> Reading | None:
    return read_by_rules(text)

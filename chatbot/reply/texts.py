"""What the bot says when no approved answer says it, per language. They state no fact about the company."""

from typing import Literal

Language = Literal["en", "zh"]
TextName = Literal[
    "decline",
    "refuse",
    "handoff",
    "handoff_complaint",
    "clarify",
    "greeting",
    "thanks",
    "goodbye",
    "about_me",
    "chat",
    "apology",
    "no_words",
    "other_language",
    "conflict",
]

_TEXTS: dict[TextName, dict[Language, str]] = {
    "decline": {
        "en": "I have no approved answer to that, so I won't guess. Shall I pass you on to a colleague?",
        "zh": "这个问题我手上没有确认过的答案，不能随便猜。需要我帮您转给人工同事吗？",
    },
    "refuse": {
        "en": "That is something I can't do here. I answer questions about our products and services.",
        "zh": "这件事我办不到。关于我们的产品和服务，您可以继续问我。",
    },
    "handoff": {
        "en": "I'm passing you on to a colleague. They can see this conversation, so you needn't repeat anything.",
        "zh": "这就为您转接人工同事。他们能看到这段对话，您不用再说一遍。",
    },
    "handoff_complaint": {
        "en": "I'm sorry about this. I'm a bot and can't put it right myself, so I'm passing you on to a colleague. "
        "They can see this conversation.",
        "zh": "很抱歉给您添了麻烦。我是机器人，没法替您处理好，这就转给人工同事，他们能看到这段对话。",
    },
    "clarify": {
        "en": "I want to be sure that I answer the right question. Which of these do you mean?",
        "zh": "我想先确认一下，您问的是下面哪一个？",
    },
    "greeting": {
        "en": "Hello. I'm the shop's bot, here at any hour. What would you like to know?",
        "zh": "您好，我是客服机器人，随时在线。请问您想了解什么？",
    },
    "thanks": {
        "en": "You're welcome. Write again whenever you have another question.",
        "zh": "不客气。还有问题的话，随时可以问我。",
    },
    "goodbye": {"en": "Goodbye, and have a good day.", "zh": "再见，祝您一切顺利。"},
    "about_me": {
        "en": "I'm a bot. I answer from texts that people here have approved, and I can pass you on to one of them.",
        "zh": "我是客服机器人，按照同事确认过的内容回答您，也可以帮您转接人工。",
    },
    "chat": {
        "en": "I'm a bot, so small talk isn't my strength. Ask me about our products and services.",
        "zh": "我是机器人，不太会闲聊。关于我们的产品和服务，您尽管问。",
    },
    "apology": {
        "en": "I couldn't answer this. Your message is saved, and a colleague will take it up.",
        "zh": "这条消息我没能回答。内容已经保存，会有人工同事跟进。",
    },
    "no_words": {
        "en": "I can only read words. If there is something that you'd like to know, please write it in a sentence.",
        "zh": "我只看得懂文字。您想了解什么，请用一句话告诉我。",
    },
    "other_language": {
        "en": "I understand English and Chinese (中文) only. Please write in one of them. Or shall I pass you on to a"
        " colleague?",
        "zh": "我只懂中文和英文 (English)，请用其中一种告诉我。或者需要我帮您转给人工同事吗？",
    },
    "conflict": {
        "en": "My approved answers to that don't agree with each other, so I won't guess. Shall I pass you on to a"
        " colleague?",
        "zh": "关于这个问题，我手上确认过的答案互相矛盾，不能随便猜。需要我帮您转给人工同事吗？",
    },
}
_OFFERING: tuple[TextName, ...] = ("decline", "other_language", "conflict")


def text_for(name: TextName, language: str) -> str:
    """The text in the language; in English for one that isn't known."""
    return _TEXTS[name]["zh" if language.startswith("zh") else "en"]


def apology(language: str) -> str:
    """What a customer reads when no worker could answer."""
    return text_for("apology", language)


def offers_a_person(text: str) -> bool:
    """Whether this is one of our texts that asks if a colleague should take over."""
    return any(text in _TEXTS[name].values() for name in _OFFERING)


def is_fixed(text: str) -> bool:
    """Whether this is one of our texts, which answers nothing."""
    return any(text in texts.values() for texts in _TEXTS.values())

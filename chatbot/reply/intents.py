"""What kind of turn it is, apart from what it asks: a wish for a person, an attempt to bend the bot, small talk.

Rules for what can be told by its wording, a small trained classifier for the rest. Names no company and no product.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from chatbot.reply.texts import TextName


class Intent(StrEnum):
    QUESTION = "question"
    PERSON = "handoff"
    REFUSE = "refuse"
    SMALLTALK = "smalltalk"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """`is_certain`: the wording leaves no doubt, so it needs no look at the answers. `text`: what to say to it."""

    intent: Intent
    confidence: float
    text: TextName
    is_certain: bool = False


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


_PERSON_WORD = (
    r"(?:human(?: being)?|person|agent|operator|representative|rep|somebody|someone|manager|supervisor|boss|employee"
    r"|staff|colleague|adviser|advisor|people|team leader|complaints? (?:department|team))"
)
_WANTS_PERSON = _any(
    rf"\b(?:speak|talk|chat|connect|transfer|hand|put|pass|switch|escalate|get|give|fetch|find|want|need|reach|bring|call|send)\b"
    rf"[^.?!]{{0,25}}\b(?:to|with|me|through|over|in|for|a|an|the|your|real|live|actual)\b[^.?!]{{0,18}}\b(?:real |live |actual )?{_PERSON_WORD}\b",
    rf"\b(?:real|live|actual|proper) {_PERSON_WORD}\b",
    rf"^\W*(?:a )?(?:{_PERSON_WORD})(?:[,.! ]+(?:please|pls|now|asap|thanks))*\W*$",
    r"\b(?:human|agent|manager|supervisor)\b[.,! ]+(?:please|pls|now)\b",
    r"\b(?:not|no|done|tired|sick)\b[^.?!]{0,30}\b(?:bot|robot|machine|chatbot|computer)s?\b",
    r"\bfile a (?:formal )?complaint\b|\bcomplain (?:formally|officially)\b|\bsee you in court\b|\b(?:my|a) lawyer\b",
)
_WANTS_PERSON_ZH = _any(
    r"(?:转|接|找|要|换|叫|喊|请|来|给我|帮我|呼叫|有没有|能不能)[^。？！?!]{0,6}(?:人工|真人|活人|主管|经理|领导|负责人|老板)",
    r"^(?:请|我要|我想)?(?:人工|真人|客服|活人)(?:客服|服务)?[!！。.~\s]*$",
    r"(?:人工){2,}|人工[!！]|真人[!！]|人呢[?？!！]",
    r"(?:别|不要|不想|不跟|少)[^。？！?!]{0,8}(?:机器人|机器|程序|套话|自动回复)",
    r"我要投诉|投诉你们|去投诉|消协|消费者协会|12315|工商局|起诉|曝光|律师",
    r"(?:人工|真人|活人)在(?:不在|吗)",
)
_ASKS_WHAT_I_AM = _any(
    r"\bare (?:you|u) (?:a |an |even |actually |really |just |some )*(?:bot|robot|human|person|real|machine|ai|computer|chatbot|alive|automated)\b",
    r"\bam i (?:talking|speaking|chatting|writing) (?:to|with) (?:a |an )?(?:bot|robot|human|person|real|machine|ai)",
    r"\b(?:is this|is it) (?:a |an )?(?:bot|robot|human|real person|automated|machine|ai)\b|\bwho are you\b|\bwhat are you\b",
    r"\bbot or (?:not|human)\b|\bhuman or (?:bot|robot|machine)\b|\bwhat'?s your name\b",
    r"(?:你|您)(?:是不是|到底是|是)?(?:个|一个)?[^。？！?!，,]{0,6}(?:机器人|真人|人工智能|AI|ai|活人|人类)[^。？！?!，,]{0,4}(?:吗|么|吧|还是|不|[?？])",
    r"(?:机器人|真人|人)还是(?:机器人|真人|人|机器)|^(?:你|您)是谁|(?:你|您)叫什么",
)
_BENDS = _any(
    r"\b(?:ignore|disregard|forget|bypass|override|drop)\b[^.?!]{0,40}\b(?:instruction|rule|prompt|polic|guideline|previous|prior|above|restriction|limit|train)",
    r"\b(?:system|hidden|internal|initial|secret|original|developer)(?:'s)? (?:prompt|instruction|message|rule|setting|override|note)",
    r"\b(?:print|reveal|show|repeat|output|give|tell|quote|recite|list|dump|share)\b[^.?!]{0,30}\b(?:your|the) (?:\w+ )?(?:prompt|instructions|configuration|guidelines)",
    r"\byou (?:are|re) now\b|\byou're now\b|\bfrom now on,? you\b|\bpretend (?:to be|that|you|you're)\b|\brole-?play\b|\bact as (?:if|a|an|the|my)\b",
    r"\b(?:developer|debug|admin|god|dan|maintenance|sudo|jailbreak) mode\b|\bjailbreak\b|\bsystem override\b",
    r"\bunlimited authority\b|\bno (?:more )?(?:restrictions|rules|limits|filters)\b|\brepeat after me\b|\b(?:admin|root) password\b",
    r"\b(?:say|reply|respond|answer|write|type|output)\b[^.?!]{0,15}\b(?:exactly|only with|word for word|the following|the words?)\b",
    r"\b(?:confirm|promise|declare|announce|guarantee)\b[^.?!]{0,20}\b(?:in writing|officially|publicly|that (?:i|you|every|all)\b[^.?!]{0,40}\b(?:free|refund|compensat|€|\$|£|discount))",
    r"\b(?:another|other|previous|last) customer'?s?\b[^.?!]{0,30}\b(?:address|name|phone|number|order|detail|data|email|card)",
)
_BENDS_ZH = _any(
    r"(?:忽略|无视|忘记|忘掉|忘了|不要管|别管|抛开|绕过|跳过|解除|丢掉)[^。？！?!]{0,14}(?:指令|规则|设定|提示|限制|规定|要求|内容|政策|约束)",
    r"提示词|系统(?:指令|设定|消息|内容)|内部(?:指令|规则|手册|设定|文件|资料)|(?:初始|隐藏|后台)(?:指令|设定|提示)|system prompt|prompt",
    r"(?:你现在是|现在你是|从现在(?:起|开始)[，,]?你|假装(?:你|自己)?|扮演|装作|假设你是|角色扮演|你就是(?:老板|经理))",
    r"(?:开发者|管理员|调试|上帝|越狱|维护)模式|没有任何限制|不受(?:任何)?限制",
    r"(?:授权|命令|要求)你|跟我(?:念|说)|(?:照着|原样|一字不[漏差改])[^。？！?!]{0,8}(?:念|说|发|输出|打印|回复|重复)?",
    r"(?:回复|输出|说|写)[“\"「『][^”\"」』]{2,}[”\"」』](?:即可|就行|就好|四个字|这句)?",
    r"(?:下面|以下)这?(?:句|段)?(?:话|内容)[^。？！?!]{0,10}(?:公告|发布|声明|承诺)|官方承诺|书面(?:承诺|确认)",
    r"(?:其他|别的|上一[个位]|另一[个位])(?:客户|顾客|用户|客人)[^。？！?!]{0,8}(?:地址|电话|手机|订单|姓名|信息|资料)",
)

_OPENERS_EN = r"(?:hi+|he+y+a*|hello+|yo|hiya|howdy|g'?day|greetings|good (?:morning|afternoon|evening|day)|morning|evening|hola)"
_FILLERS_EN = r"(?:there|all|everyone|team|folks|guys|mate|again|bot|you|anybody|anyone|somebody|is|are|u|home|here|around|today|to)"
_GREETING = _any(
    rf"^\W*{_OPENERS_EN}(?:\W+(?:{_OPENERS_EN}|{_FILLERS_EN}))*\W*$",
    r"^\W*(?:is )?any(?:body|one) (?:there|here|home|around)\W*$|^\W*how are (?:you|things)(?: (?:today|doing))?\W*$|^\W*how'?s it going\W*$|^\W*what'?s up\W*$",
    r"^\W*(?:您好|你好|哈喽|哈罗|嗨|嘿|喂|早|早上好|早安|上午好|中午好|下午好|晚上好|在吗|在么|在不在|有人吗|有人在吗|有人么|hi|hello)"
    r"(?:[\s,，!！~～。.]*(?:您好|你好|呀|啊|哈|哦|亲+|早上好|早|上午好|下午好|晚上好|在吗|在么|在不|客服|有人吗|亲爱的|小姐姐|呢|哇|嘿))*\W*$",
)
_THANKS = _any(
    r"^\W*(?:(?:ok(?:ay)?|k|great|perfect|cool|awesome|brilliant|lovely|super|nice|right|alright|good|fine|oh|ah|ace|sweet|gotcha|got it|that'?s (?:great|all|it|perfect|helpful|good|clear|everything)|that (?:helps|helped|was helpful|answers it)|all (?:clear|good|set)|makes sense|understood|i see|very helpful|much appreciated|appreciate it|cheers|ta|thx|ty|tysm|many thanks|thanks?(?: you)?|thank (?:you|u))"
    r"(?:[\s,.!;:)-]+|$))+(?:(?:so|very|a lot|lots|again|much|for|your|the|help|helping|all|bot|mate|everything|quick|fast|answer|reply|that|this|you|u|a|bunch|ton|million|heaps|man|love|really|kind|info|information|patience|time|have|nice|good|great|day|one|evening|bye|that'?s|was|is|it|ok|okay|then|now|i'?m|im|all|set|got|need|needed|wanted|to|know|what|i|exactly)[\s,.!;:)-]*)*$",
    r"^\W*(?:好+[的嘞哒呀吧啦滴]*|嗯+|行+|哦+|噢|收到|明白了?|知道了|懂了|搞懂了|清楚了|了解了?|原来如此|ok|OK|可以了?|没事了?|没(?:别的)?问题了|没别的了|太好了|太棒了|不错|谢+谢*|感谢|多谢|非常感谢|十分感谢|谢啦|辛苦了?|麻烦你了?|3q)"
    r"(?:[\s,，!！~～。.]*(?:你们?|您|哈|啊|呀|啦|了|哦|的|亲|谢+谢*|感谢|多谢|辛苦了?|太|非常|耐心|解答|帮助|帮忙|回复|那|就|先|这样|明白了?|知道了|懂了|搞懂了|清楚了|了解了?|小姐姐|客服|没事了?|没问题了?|拜+|再见|很|有用|帮大忙|大忙|帮了|我|棒|好))*\W*$",
)
_GOODBYE = _any(
    r"^\W*(?:(?:ok(?:ay)?|k|thanks?(?: you)?|thx|alright|well|right|that'?s all|cheers)[\s,.!]+)*(?:good ?bye|bye+|bye bye|see (?:you|ya|u)|cya|later|good ?night|take care|have a (?:nice|good|great|lovely) (?:day|one|evening|weekend))(?:[\s,.!]+(?:now|then|later|soon|around|all|bye|you|too|thanks?|everyone))*\W*$",
    r"^\W*(?:(?:好的?|行|没事了?|那|谢谢|先这样|就这样)[\s,，。!！]*)*(?:再见|拜+|拜拜|回头见|回见|晚安|下次见|886|88)[了啦哦吧~～]*\W*$",
)
_YES = _any(
    r"^\W*(?:yes|yeah|yep|yup|sure|ok(?:ay)?|please|pls|do|go ahead|of course|y|yes please|please do|sounds good|that would be (?:great|nice|good))(?:[\s,.!]+(?:please|pls|do|thanks?|thank you|that|so|ok|go ahead))*\W*$",
    r"^\W*(?:好+的?|可以|行|要|需要|是的?|嗯+|转吧|转|麻烦(?:你|您)?了?|麻烦转一?下?|好的?[，,\s]*(?:谢谢|麻烦了|转吧))[吧啊呀的!！。.~]*\W*$",
)


def is_yes(text: str) -> bool:
    return bool(_YES.search(text.strip()))


def read_by_rules(text: str) -> Reading | None:
    """What the wording alone says, or None when it takes more than that."""
    if _BENDS.search(text) or _BENDS_ZH.search(text):
        return Reading(intent=Intent.REFUSE, confidence=0.95, text="refuse", is_certain=True)
    smalltalk: list[tuple[re.Pattern[str], TextName]] = [
        (_GOODBYE, "goodbye"),
        (_GREETING, "greeting"),
        (_THANKS, "thanks"),
        (_ASKS_WHAT_I_AM, "about_me"),
    ]
    for pattern, name in smalltalk:
        if pattern.search(text.strip()):
            return Reading(intent=Intent.SMALLTALK, confidence=0.95, text=name, is_certain=True)
    if _WANTS_PERSON.search(text) or _WANTS_PERSON_ZH.search(text):
        return Reading(intent=Intent.PERSON, confidence=0.9, text="handoff")
    return None

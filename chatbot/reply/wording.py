"""How people greet, thank, ask for a person and try to bend a bot, in both languages. Word lists and patterns only.

They name no company, product or trade. What they don't catch is left to the trained classifier.
"""

import re
from collections.abc import Iterable


def any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


class Phrases:
    """A kind of small talk: a turn is of it when nothing is left but its words, and one of them is a core word."""

    def __init__(self, *, core: str, fillers: str, core_zh: str, fillers_zh: str) -> None:
        """Words separated by spaces. Chinese ones are taken out of the text, the longest first."""
        self._core, self._all = set(core.split()), {*core.split(), *fillers.split()}
        self._core_zh = core_zh.split()
        self._all_zh = _longest_first([*self._core_zh, *fillers_zh.split()])

    def fit(self, text: str) -> bool:
        words = re.findall(r"[a-z']+", text.lower().replace("’", "'"))
        rest = re.sub(r"[^\u3400-\u9fff\d]", "", text)
        if not words and not rest:
            return False
        has_core = any(word in self._core for word in words) or any(phrase in rest for phrase in self._core_zh)
        return has_core and all(word in self._all for word in words) and not self._all_zh.sub("", rest)


def _longest_first(phrases: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(phrases, key=len, reverse=True))))


_SOFT = "ok okay k oh ah so well right then now all alright please mate love team everyone folks guys bot again and :"
_SOFT_ZH = "的 了 啊 呀 哈 哦 吧 啦 呢 哇 嘿 嘛 亲 亲爱的 亲亲 小姐姐 客服 那 就 先 您 你 你们 我 啥 哟 咯 滴"
GREETING = Phrases(
    core="hi hii hiii hello helo hallo hey heyy heyyy heya hiya yo howdy g'day gday greetings morning afternoon"
    " evening"
    " anybody anyone somebody someone hola sup",
    fillers=f"{_SOFT} good there here is are you home around how doing today day to anyone's anybody's up what's",
    core_zh="您好 你好 哈喽 哈罗 嗨 嘿 喂 早 早上好 早安 上午好 中午好 下午好 晚上好 在吗 在么 在不在 在不"
    " 有人吗 有人在吗 有人么"
    " 在嘛 在没",
    fillers_zh=_SOFT_ZH + " 人 有 好 大家",
)
THANKS = Phrases(
    core="thanks thank thx ty tysm thankyou cheers ta great perfect cool awesome brilliant lovely super helpful nice"
    " excellent wonderful fantastic understood gotcha appreciated appreciate good helped helps lifesaver",
    fillers=f"{_SOFT} a lot lots very much for your you u the help helping helps helped everything quick fast answer"
    " reply that that's thats this it is was i'm im i got it's needed need wanted know to what exactly clear"
    " set makes"
    " sense see really bunch ton million heaps man kind info information patience time have day one evening"
    " weekend bye"
    " goodbye fine sweet ace many my me just gg no more questions sorted done answers yes yep yeah too job work"
    " service"
    " amazing best star legend",
    core_zh="谢谢 谢 感谢 多谢 谢啦 辛苦 麻烦 明白 知道 懂 搞懂 清楚 了解 收到 好的 好嘞 好哒 好滴 好吧 没事"
    " 没问题 没别的 太好 太棒"
    " 不错 原来如此 行 嗯 嗯嗯 3q",
    fillers_zh=_SOFT_ZH
    + " 非常 十分 太 很 耐心 解答 帮助 帮忙 帮我 回复 这样 有用 帮大忙 大忙 帮了 棒 好 真 都 也 给 力 给力 服务 态度"
    " 拜拜 拜 再见 不用 可以 没有 其他 问题 还 挺 快 一下 问好 这么 细心 周到 贴心 人 呐 噢 哒 弄 搞 看 问 完"
    " 已经 终于",
)
GOODBYE = Phrases(
    core="bye byebye goodbye cya later goodnight ciao night",
    fillers=f"{_SOFT} see you ya u good have a nice great lovely day one evening weekend soon around that's too"
    " thanks"
    " thank take care",
    core_zh="再见 拜拜 拜 回头见 回见 晚安 下次见 改天聊 先这样 就这样",
    fillers_zh=_SOFT_ZH + " 好的 好 行 没事 没事儿 儿 谢谢 嗯 886 88",
)
YES = Phrases(
    core="yes yeah yep yup sure ok okay please do y course absolutely definitely",
    fillers="go ahead of yes that would be great nice good thanks thank you so i'd like it me to sounds fine",
    core_zh="好 好的 可以 行 要 需要 是 是的 嗯 转 转吧 麻烦 对 那就转",
    fillers_zh=_SOFT_ZH + " 谢谢 麻烦您 麻烦你 一下",
)

_PERSON = (
    r"(?:human(?: being)?|person|agent|operator|representative|rep|somebody|someone(?! else)|manager|supervisor|boss"
    r"|employee|staff|colleague|advis[eo]r|people|team leader)"
)
_REACH = (
    r"(?:speak|talk|chat|connect|transfer|hand|put|pass|switch|escalate|get|give|fetch|find|want|need|reach|bring|call"
    r"|send)"
)
WANTS_PERSON = any_of(
    rf"\b{_REACH}\b[^.?!]{{0,25}}\b(?:to|with|me|through|over|in|for|a|an|the|your|real|live|actual)\b[^.?!]{{0,18}}"
    rf"\b{_PERSON}\b",
    rf"\b(?:real|live|actual|proper) {_PERSON}\b",
    rf"^\W*(?:a )?(?:{_PERSON})(?:[,.! ]+(?:please|pls|now|asap|thanks))*\W*$",
    r"\b(?:human|agent|manager|supervisor)\b[.,! ]+(?:please|pls|now)\b",
    r"\b(?:not|no|done|tired|sick|stop)\b[^.?!]{0,30}\b(?:bot|robot|machine|chatbot|computer)s?\b",
    r"\bfile a (?:formal )?complaint\b|\bsee you in court\b|\b(?:my|a) lawyer\b",
    r"(?:转|接|找|要|换|叫|喊|请|来|给我|帮我|呼叫|有没有|能不能)[^。？！?!]{0,6}(?:人工|真人|活人|主管|经理|领导|负责人|老板)",
    r"^(?:请|我要|我想)?(?:人工|真人|客服|活人)(?:客服|服务)?[!！。.~\s]*$",
    r"(?:人工){2,}|人工[!！]|真人[!！]|人呢[?？!！]|(?:人工|真人|活人)在(?:不在|吗)",
    r"(?:别|不要|不想|不跟|少)[^。？！?!]{0,8}(?:机器人|机器|程序|套话|自动回复)",
    r"我要投诉|投诉你们|去投诉|消协|消费者协会|12315|工商局|起诉|曝光|律师",
)
_WHAT = r"(?:bot|robot|human|person|real|machine|ai|computer|chatbot|alive|automated)"
ASKS_WHAT_I_AM = any_of(
    rf"\bare (?:you|u) (?:a |an |even |actually |really |actual |just |some )*{_WHAT}\b",
    rf"\bam i (?:talking|speaking|chatting|writing) (?:to|with) (?:a |an )?{_WHAT}\b",
    rf"\bis (?:this|it) (?:a |an )?{_WHAT}\b|\bwho are you\b|^\W*(?:and |so )?what are you\W*$|\bwhat'?s your name\b",
    r"\bbot or (?:not|human)\b|\bhuman or (?:bot|robot|machine)\b",
    r"(?:你|您)[^。？！?!，,]{0,8}(?:机器人|真人|人工智能|AI|活人|人类)[^。？！?!，,]{0,4}(?:吗|么|吧|还是|不|[?？])",
    r"(?:机器人|真人|人)还是(?:机器人|真人|人|机器)|^(?:你|您)是谁|(?:你|您)叫什么",
)
_RULES = (
    r"(?:instruction|rule|prompt|polic|guideline|previous|prior|above|restriction|limit|train|configuration|setting)"
)
BENDS_THE_BOT = any_of(
    rf"\b(?:ignore|disregard|forget|bypass|override|drop)\b[^.?!]{{0,40}}\b{_RULES}",
    r"\b(?:system|hidden|internal|initial|secret|original|developer)(?:'s)? "
    r"(?:prompt|instruction|message|rule|override)",
    rf"\b(?:print|reveal|show|repeat|output|give|tell|quote|recite|list|dump|share)\b[^.?!]{{0,30}}\byour (?:\w+ )?"
    rf"{_RULES}",
    r"\byou(?: are|'?re) now\b|\bfrom now on,? you\b|\bpretend\b|\brole-?play\b",
    r"\bact as (?:if|a|an|the|my)\b|\b(?:developer|debug|admin|god|dan|maintenance|sudo|jailbreak) mode\b",
    r"\bjailbreak\b|\bsystem override\b|\bunlimited authority\b|\bno (?:more )?(?:restrictions|rules|filters)\b",
    r"\b(?:repeat|say) after me\b|\badmin password\b",
    r"\b(?:say|reply|respond|answer|write|type|output)\b[^.?!]{0,15}"
    r"\b(?:exactly|only with|word for word|the following)\b",
    r"\b(?:confirm|promise|declare|announce|guarantee)\b[^.?!]{0,20}\b(?:in writing|officially|publicly)\b",
    r"\b(?:confirm|promise|declare|announce)\b[^.?!]{0,60}(?:\bfree\b|\brefund|\bcompensat|\bdiscount|€|\$|£)",
    r"\b(?:another|other|previous|last) customer'?s?\b[^.?!]{0,30}"
    r"\b(?:address|name|phone|number|order|data|email|card)",
    r"(?:忽略|无视|忘记|忘掉|忘了|不要管|别管|抛开|绕过|跳过|解除)[^。？！?!]{0,14}(?:指令|规则|设定|提示|限制|规定|要求|政策|约束)",
    r"提示词|系统(?:指令|设定|消息|内容)|内部(?:指令|规则|手册|设定|文件|资料)|(?:初始|隐藏|后台)(?:指令|设定|提示)|\bprompt\b",
    r"你现在是|现在你是|从现在(?:起|开始)[，,]?你|假装|扮演|装作|假设你是|你就是(?:老板|经理)",
    r"(?:开发者|管理员|调试|上帝|越狱|维护)模式|没有任何限制|不受(?:任何)?限制|授权你|命令你|跟我念|一字不[漏差改]",
    r"(?:回复|输出|说|写)[“\"「『][^”\"」』]{2,}[”\"」』]|(?:下面|以下)这?[句段]?[话内容]*[^。？！?!]{0,10}(?:公告|发布|声明|承诺)",
    r"官方承诺|书面(?:承诺|确认)|你就说一句|说一声[“\"]",
    r"(?:你的?|全部|底层|开发者|训练时的?|最开始的?|后台)[^。？！?!，,]{0,6}(?:设定|指令|提示)",
    r"(?:其他|别的|上一[个位]|另一[个位])(?:客户|顾客|用户|客人)[^。？！?!]{0,8}(?:地址|电话|手机|订单|姓名|信息|资料)",
)

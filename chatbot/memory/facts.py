"""What a customer says about themselves or their order, found by rules in English and Chinese. Works on plain text.

Every value stands in the text byte for byte: nothing is completed, corrected or guessed. What the rules don't know is
left out; a wrong fact at an agent's desk is worse than none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

FactName = Literal["order_number", "name", "email", "phone", "amount", "date", "product", "plan", "link"]
MAX_VALUE_CHARS = 200


@dataclass(frozen=True, kw_only=True)
class Fact:
    """`value` is `text[start:end]`."""

    name: FactName
    value: str
    start: int
    end: int


_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_CODE = r"[A-Z0-9]+(?:-[A-Z0-9]+)*"
_END_EN = (
    r"(?=\s*(?:[,.!?;:()]|$|\n|\b(?:and|but|from|in|on|last|for|because|which|that|with|at|is|was|yesterday|today)\b))"
)
_END_ZH = r"(?=\s*(?:[，。！？、；,.!?;]|$|\n))"
# "my" names have an upper-case letter; after "I'm" one may still be a mood or a place, so it must end the clause.
_GIVEN = r"[A-Z][a-zà-öø-ÿ]+(?:[ -][A-Z][a-zà-öø-ÿ]+){0,2}"

# In order: what an earlier pattern has taken, a later one leaves alone. The group `v` is the value.
_PATTERNS: tuple[tuple[FactName, re.Pattern[str]], ...] = (
    ("link", re.compile(r"(?P<v>https?://[!-~]*[A-Za-z0-9/_=-])", re.A)),
    ("email", re.compile(r"(?<![\w.+-])(?P<v>[\w.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,})", re.A)),
    ("date", re.compile(r"(?<!\d)(?P<v>\d{4}[-/.]\d{1,2}[-/.]\d{1,2})(?!\d)", re.A)),
    ("date", re.compile(r"(?<!\d)(?P<v>(?:\d{4}年)?\d{1,2}月\d{1,2}[日号]?)", re.A)),
    ("date", re.compile(rf"\b(?P<v>\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH}(?: \d{{4}})?)\b", re.I)),
    ("date", re.compile(rf"\b(?P<v>{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?)(?![\d:])\b", re.I)),
    (
        "order_number",
        re.compile(
            r"(?:\b(?:order|parcel|tracking|booking|ticket|invoice|repair|case|reference|ref)\b"
            r"(?:\s+(?:number|no\.?|nr\.?|id|code))?(?:\s+(?:is|was))?[\s:#]*"
            r"|(?:订单|单号|运单|快递|工单|维修单|编号)(?:编?号码?)?[\s是为:：#]*)"
            r"(?P<v>(?=[A-Za-z-]*\d)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*)(?![A-Za-z0-9%]|[.,:]\d)",
            re.I | re.A,
        ),
    ),
    ("order_number", re.compile(rf"(?<![\w-])(?P<v>[A-Z]{{1,5}}-?(?=\d[A-Z0-9-]*\d){_CODE})(?![\w-])", re.A)),
    ("amount", re.compile(r"(?P<v>[€£$¥￥]\s?\d+(?:[.,]\d+)*)", re.A)),
    (
        "amount",
        re.compile(
            r"(?<![\w.,])(?P<v>\d+(?:[.,]\d+)*\s?(?:(?:euros?|dollars?|pounds?|yuan|eur|usd|gbp|rmb)\b"
            r"|[€£$¥]|元|块钱?|美元|欧元|英镑|人民币|万元))",
            re.I | re.A,
        ),
    ),
    ("phone", re.compile(r"(?<![\w.-])(?P<v>1[3-9]\d{9}|\+?\(?\d{2,4}\)?(?:[ -]?\d{2,4}){2,4})(?![\w-]|[.,]\d)", re.A)),
    (
        "name",
        re.compile(
            rf"\b(?i:my name is|my name's|name is|name:|i am called|this is|regards,|cheers,)\s+(?P<v>{_GIVEN})\b"
        ),
    ),
    ("name", re.compile(rf"\b(?:I'm|I’m|I am)\s+(?P<v>{_GIVEN})(?=\s*(?:[,.!;]|$|\n| and ))")),
    (
        "name",
        re.compile(
            r"(?:我叫|名字[是叫]|姓名[是为:：]\s*|收件人[是为:：叫]?\s*|联系人[是为:：叫]?\s*)(?P<v>[\u4e00-\u9fff]{2,4}?)"
            + _END_ZH
        ),
    ),
    ("name", re.compile(r"我姓(?P<v>[\u4e00-\u9fff])" + _END_ZH)),
    (
        "plan",
        re.compile(r"\b(?P<v>[A-Z][\w+]*(?: [A-Z0-9][\w+]*){0,2} (?:[Pp]lan|[Tt]ariff|[Pp]ackage|[Ss]ubscription))\b"),
    ),
    (
        "plan",
        re.compile(
            r"(?:换成|换到|改成|改为|选了?|用的?是|用着|办了?|办理|开通|开了|订了?|订阅|升级到|升级成|转到|这个|现在的)"
            r"(?P<v>[\u4e00-\u9fffA-Za-z0-9+]{1,6}?套餐)"
        ),
    ),
    (
        "product",
        re.compile(
            r"\b(?i:bought|ordered|purchased|own|returned?|exchanged?)\s+(?:(?i:a|an|the|your|some|two|three|one|my|this|these)\s+)?"
            r"(?P<v>(?!(?i:it|them|one|something|from|in|on|last|this|that|these|online|yesterday|today|order)\b)"
            r"[A-Za-z][\w'-]*(?: [\w'-]+){0,3}?)" + _END_EN
        ),
    ),
    (
        "product",
        re.compile(
            r"(?:买|订|购|下单)了?(?:的是)?[一两三]?(?:台|个|双|件|部|套|只|款|顶|条|把)(?P<v>[\u4e00-\u9fffA-Za-z0-9-]{2,10}?)"
            r"(?=\s*(?:[，。！？、；,.!?;]|$|\n|坏|有|不|用|没|到|还|就))"
        ),
    ),
    ("product", re.compile(r"(?<![\w-])(?P<v>[A-Z]{1,4}-?\d{1,4}[A-Z]?)(?![\w-])", re.A)),
)
_MOODS = "Sorry Not Very Really Happy Sure Still Also Just Now Ok Okay Done Trying Waiting Looking Having Getting"
_NOT_A_NAME = frozenset(_MOODS.split())
_MIN_PHONE_DIGITS = 8


def find_facts(text: str) -> list[Fact]:
    """The facts in one message in the order in which they stand there, each value once per name."""
    taken: list[tuple[int, int]] = []
    found: dict[tuple[FactName, str], Fact] = {}
    for fact in _matches(text):
        if any(fact.start < end and start < fact.end for start, end in taken):
            continue
        taken.append((fact.start, fact.end))
        found.setdefault((fact.name, fact.value), fact)
    return sorted(found.values(), key=lambda fact: fact.start)


def _matches(text: str) -> Iterator[Fact]:
    for name, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            value = match.group("v")
            if len(value) <= MAX_VALUE_CHARS and _is_plausible(name, value):
                yield Fact(name=name, value=value, start=match.start("v"), end=match.end("v"))


def _is_plausible(name: FactName, value: str) -> bool:
    if name == "phone":
        return sum(character.isdigit() for character in value) >= _MIN_PHONE_DIGITS
    if name == "name":
        return value.split()[0] not in _NOT_A_NAME
    if name == "order_number":
        return sum(character.isdigit() for character in value) >= 3
    return True

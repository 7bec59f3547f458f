"""No model can write a number, an amount, a date, an address or a name of its own: an untrained one tries."""

import random
import re

import pytest

from chatbot.language_model.backends import start_local_generator
from chatbot.reply.fact_lock import FactLock
from chatbot.reply.support import FUNCTION_WORDS
from tests.chatbot.language_model.tiny import tiny_checkpoint_folder

PASSAGE = (
    "Returns take 5 to 7 working days after Tarnridge Ireland gets them. Register at https://tarnridge.example.com/r/1,"
    " write to Help.Desk@tarnridge.example.com or call +353 1 555 0100. Ask for Mary Quinn in Room 12. John Byrne is"
    " away until 3 May 2026. We deduct €19.99 for the label, EUR 4 for a box."
)
PASSAGE_ZH = "满299元包邮，三十五天内可退。请联系张小妍或王立本，5月3日起每天9点至18点营业，会员打8.5折。"


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    folder = tiny_checkpoint_folder(tmp_path_factory.mktemp("model"))
    generator = start_local_generator(str(folder), num_threads=1)
    yield generator
    generator.stop()


def may_write(text, *sources):
    lock = FactLock(sources)
    state = lock.start
    for character in text:
        state = lock.next_states(state).get(character)
        if state is None:
            return False
    return lock.may_end(state)


@pytest.mark.parametrize(
    "text",
    [
        "Returns take 5 to 7 working days.",
        "It will take 5 to 7 working days, and then you can call +353 1 555 0100.",
        "Please register at https://tarnridge.example.com/r/1.",
        "You can write to Help.Desk@tarnridge.example.com. Mary Quinn is away.",
        "Ask for John Byrne. We deduct €19.99 for the label.",
        "The label is for you. The box is EUR 4 for you.",
    ],
)
def test_what_the_passage_says_may_be_said_again(text):
    assert may_write(text, PASSAGE)


@pytest.mark.parametrize(
    "text", ["您好的，299元包邮。", "可退，三十五天内可退！", "请您联系张小妍。", "每天9点至18点营业。"]
)
def test_the_same_in_chinese(text):
    assert may_write(text, PASSAGE_ZH, "您好")


@pytest.mark.parametrize(
    "text",
    [
        "It will take 5 working days.",  # half of a range
        "It will take 7 working days.",
        "Register at https://tarnridge.example.com.",  # an address cut short
        "Write to Help.Desk@tarnridge.",
        "Call 555 0100.",  # a number cut short at either end
        "Call +353 1 555.",
        "We deduct €19.",
        "We deduct 19.99.",
        "We deduct €19.99 EUR 4.",  # two facts that don't touch in the passage
        "We deduct EUR 4 days.",
        "It is until 3 May.",
        "Ask for Mary Byrne.",  # names put together from two
        "Ask for Peter.",
        "Ask in Room.5.",
        "Ask for paris.",
        "We deduct 8 for the label.",
        "It takes 57 working days.",
        "Call +353 1 555 0100 days.",
        "Room 12 until 3 May 2026",  # not a whole sentence
    ],
)
def test_what_the_passage_does_not_say_cannot_be_written(text):
    assert not may_write(text, PASSAGE)


@pytest.mark.parametrize(
    "text",
    [
        "三十天内可退。",
        "五天内可退。",
        "三十五元包邮。",
        "299天内可退。",
        "29元包邮。",
        "请联系张立本。",
        "8折。",
        "9点营业。",
    ],
)
def test_the_same_for_chinese_numbers_and_names(text):
    assert not may_write(text, PASSAGE_ZH)


def test_the_customers_own_numbers_may_be_repeated():
    assert may_write("Yes, you can bring 2 dogs.", "Dogs are welcome.", "can I bring 2 dogs?")
    assert not may_write("Yes, you can bring 2 dogs.", "Dogs are welcome.", "can I bring dogs?")


def random_passage(draw):
    names = draw.sample(["Ada", "Brennan", "Corvo", "Delphi", "Ewart", "Faro", "Grieg", "Harrow"], 4)
    number = lambda: str(draw.choice([draw.randint(1, 99), draw.randint(100, 99_999), f"{draw.randint(1, 99)}.50"]))  # noqa: E731
    sentences = [
        f"It costs {draw.choice('€$£')}{number()} a {draw.choice(['month', 'year', 'bag'])}.",
        f"Call {names[0]} {names[1]} on 0{draw.randint(10, 99)} {draw.randint(100, 999)} {draw.randint(1000, 9999)}.",
        f"Delivery takes {number()} to {number()} days, {number()} hours for {names[2]}.",
        f"See https://{names[3].lower()}.example.com/{draw.randint(1, 99)} or mail {names[2].lower()}@a.example.org.",
        f"Open until {draw.randint(1, 28)} {draw.choice(['May', 'June'])}, from {draw.randint(1, 9)}:30 on.",
        f"满{number()}元包邮，{draw.choice(['三', '二十', '四十五'])}天内可退，{draw.randint(1, 12)}月{number()}日起。",
        f"请联系{draw.choice(['陈默', '李小棠', '周一鸣'])}，电话{draw.randint(10**7, 10**8)}，每天{number()}点开门。",
    ]
    return " ".join(draw.sample(sentences, 4))


FACTS = {
    "numbers": re.compile(r"(?:[€$£]\s?)?\d+(?:[.,:]\d+)*", re.ASCII),
    "rows of digits": re.compile(r"\d+(?: \d+)+", re.ASCII),
    "numbers and what they count": re.compile(r"\d(?: [a-z]+|[\u3400-\u9fff]{1,2})", re.ASCII),
    "links, addresses and hosts": re.compile(
        r"https?://[!-~]*[\w/]|[\w.+-]+@[\w.-]*\w|\w+(?:\.\w+)+(?:/\w+)*", re.ASCII
    ),
    "Chinese numbers": re.compile("[零一二两三四五六七八九十百千万亿半]+"),
    "rows of names": re.compile(r"(?<=[a-z,] )[A-Z]\w+(?: [A-Z]\w+)*", re.ASCII),
    "words": re.compile(r"[A-Za-z]+"),
    "characters": re.compile(r"[\u3400-\u9fff]"),
}
FUNCTION_CHARACTERS = set(
    "的了是在有和与或也都就才还再您你我们咱它这那个些会能可以要请将把被对于从到为及而且但不过如果则时之后前内呢吗吧啊哦"
    "好需着给让用所只按每各该等因另外此同即没无谢抱歉"
)


def invented(text, sources):
    for what, pattern in FACTS.items():
        known = {match for source in sources for match in pattern.findall(source)}
        if what == "words":
            known = {word.lower() for word in known | FUNCTION_WORDS}
            known |= {part for word in FUNCTION_WORDS for part in word.split("'")}
        if what == "characters":
            known |= FUNCTION_CHARACTERS
        for found in pattern.findall(text):
            fits = found.lower() in known if what == "words" else found in known
            if what == "numbers and what they count":
                unit = found[1:].strip()
                fits = fits or unit in FUNCTION_WORDS or unit[0] in FUNCTION_CHARACTERS
            if what == "rows of names":
                fits = any(found in source for source in sources)
            if not fits:
                yield what, found


@pytest.mark.parametrize("seed", range(6))
def test_an_untrained_model_invents_nothing(generator, seed):
    draw = random.Random(seed)
    num_written = 0
    for number in range(12):
        sources = [
            random_passage(draw),
            draw.choice(["is 3 bags ok?", "我买了两个，第7天能退吗", "what does Ada charge"]),
        ]
        pieces = generator.generate(
            [20, 30, 40 + number], max_new_tokens=90, temperature=3.0, seed=number, grammar=FactLock(sources)
        )
        text = "".join(pieces)
        whole = text[: max((match.end() for match in re.finditer(r"[.!?](?=\s)|[。！？]", text)), default=0)]
        assert list(invented(whole, sources)) == [], (whole, sources)
        num_written += len(whole)
    assert num_written > 100


def test_the_check_of_this_file_sees_inventions():
    sources = [PASSAGE, PASSAGE_ZH]
    for text in (
        "It is 6 days.",
        "Ask at x.example.com.",
        "Call 555 0199.",
        "so Mary Byrne is.",
        "二十天。",
        "上海。",
        "€20.",
    ):
        assert list(invented(text, sources)), text
    assert not list(invented(PASSAGE + PASSAGE_ZH, sources))

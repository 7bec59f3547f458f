"""Whether a customer's turn can be read: what of it is visible, whether it has words, whether they are ours.

Works on characters and a few words per language; knows no answers and no model.
"""

import re
import unicodedata

HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN_WORD = re.compile(r"[^\W\d_]+")
# No word is that long, but a key, a hash or a file in base64 is. ASCII only, for Chinese has no spaces.
_UNBROKEN = re.compile(r"[!-~]{25,}")
_MAX_UNBROKEN_SHARE = 0.8
_MIN_OTHER_SHARE = 1 / 3  # of the letters: Japanese is half Han, a foreign name in a sentence is less
_MIN_FOREIGN_WORDS = 2

# What a sentence of other languages with Latin letters can hardly do without, and English has not.
_FRENCH = (
    "je tu vous nous il elle le la les un une des du est sont et ou où pour avec dans sur mon ma mes votre vos que qui"
    " quel quelle combien puis peut pas ne avez ai comment quand ce cette au aux"
)
_GERMAN = (
    "ich sie wir ihr der das dem ein eine einen ist sind und oder für mit auf von zu nicht kann wie wann wo mein"
    " meine ihre haben habe wird kostet lange bitte"
)
_SPANISH = (
    "el los las uno una es son para por mi su sus qué cómo cuándo cuánto cuánta dónde puedo tiene tienen del se lo"
    " cuesta hay"
)
_ITALIAN = "gli una è sono di da non mio mia vostro quanto quando posso avete ho che nel"
_PORTUGUESE = "os um uma são em para com meu minha seu não quanto posso tem vocês como onde da"
_DUTCH = "ik je het een zijn voor op niet kan hoe wanneer mijn uw hebben heb wat waar"
_ENGLISH = (
    "i you we they he she it my your our the a an is are was were be do does did have has can could will would should"
    " and or but if to of in on at for with from by not no this that these what how when where who why which me any"
    " there as so am"
)
_ENGLISH_WORDS = frozenset(_ENGLISH.split())
_FOREIGN_WORDS = frozenset(f"{_FRENCH} {_GERMAN} {_SPANISH} {_ITALIAN} {_PORTUGUESE} {_DUTCH}".split()) - _ENGLISH_WORDS


def visible_text(text: str) -> str:
    """The text without control characters, invisible ones and halves of pairs, which can hide or turn words."""
    return "".join(_visible(character) for character in text).strip()


def has_words(text: str) -> bool:
    """False for what holds no letter and no digit, or little but unbroken runs of code."""
    if not any(character.isalnum() for character in text):
        return False
    num_unbroken = sum(len(run) for run in _UNBROKEN.findall(text))
    return num_unbroken < _MAX_UNBROKEN_SHARE * len("".join(text.split()))


def has_other_script(text: str) -> bool:
    """Whether a third of the letters or more are neither Latin nor Han: Cyrillic, Arabic, kana, Hangul, Thai, …"""
    letters = [character for character in text if character.isalpha()]
    num_other = sum(not (HAN.match(letter) or _is_latin(letter)) for letter in letters)
    return bool(letters) and num_other >= _MIN_OTHER_SHARE * len(letters)


def is_other_language(text: str) -> bool:
    """Whether it is written in neither English nor Chinese, as far as its letters and function words show."""
    if has_other_script(text):
        return True
    if HAN.search(text):
        return False
    words = _LATIN_WORD.findall(text.lower())
    num_foreign = sum(word in _FOREIGN_WORDS or not word.isascii() for word in words)
    return num_foreign >= _MIN_FOREIGN_WORDS and num_foreign > sum(word in _ENGLISH_WORDS for word in words)


def _visible(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character)[0] != "C":
        return character
    return " " if character.isspace() else ""


def _is_latin(letter: str) -> bool:
    return letter.isascii() or unicodedata.name(letter, "").startswith(("LATIN", "FULLWIDTH LATIN"))

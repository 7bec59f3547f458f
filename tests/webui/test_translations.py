"""Every sentence of the interface has its Chinese: what is marked in the code and the templates is in the catalogue."""

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

ROOMS = ("webui", "chatbot", "workers")
CATALOGUE = settings.BASE_DIR / "webui/locale/zh_Hans/LC_MESSAGES/django.mo"
_TRANSLATE = re.compile(r'{%\s*translate\s+"((?:[^"\\]|\\.)*)"(?:\s+context\s+"([^"]*)")?')
_BLOCK = re.compile(r"{%\s*blocktranslate([^%]*)%}(.*?){%\s*endblocktranslate\s*%}", re.DOTALL)
_PLURAL = re.compile(r"{%\s*plural\s*%}")
_VARIABLE = re.compile(r"{{\s*([\w.]+)[^}]*}}")
_PLACEHOLDER = re.compile(r"%\(\w+\)s|%[ds]|{\w+}")


def marked_in_python(path: Path) -> Iterator[tuple[str, str]]:
    """(context, text) of each call of a gettext function, under whatever name it was imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for alias in node.names
        if "gettext" in alias.name
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            is_in_context = names[node.func.id].startswith(("p", "np"))
            if texts:
                yield (texts[0], texts[1]) if is_in_context else ("", texts[0])


def marked_in_template(path: Path) -> Iterator[tuple[str, str]]:
    template = path.read_text(encoding="utf-8")
    for found in _TRANSLATE.finditer(template):
        yield found[2] or "", found[1].replace('\\"', '"')
    for found in _BLOCK.finditer(template):
        text = _VARIABLE.sub(r"%(\1)s", _PLURAL.split(found[2])[0])
        yield "", " ".join(line.strip() for line in text.strip().splitlines()) if "trimmed" in found[1] else text


def marked() -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for room in ROOMS:
        for path in (settings.BASE_DIR / room).rglob("*.py"):
            found.update(marked_in_python(path))
    for path in (settings.BASE_DIR / "webui/templates").rglob("*.html"):
        found.update(marked_in_template(path))
    return found


def known() -> dict[tuple[str, str], str]:
    """The catalogue's texts by context and text; of plurals the first form."""
    with CATALOGUE.open("rb") as file:
        catalogue = gettext.GNUTranslations(file)._catalog
    texts: dict[tuple[str, str], str] = {}
    for key, chinese in catalogue.items():
        text = key[0] if isinstance(key, tuple) else key
        context, _separator, plain = text.rpartition("\x04")
        texts[context, plain] = chinese
    return texts


def test_every_sentence_has_its_chinese():
    all_marked = marked()
    assert len(all_marked) > 500, "the search for marked sentences finds too few"
    assert sorted(all_marked - known().keys()) == []


def test_the_chinese_has_the_same_placeholders():
    wrong = [
        text
        for (_context, text), chinese in known().items()
        if text and set(_PLACEHOLDER.findall(text)) != set(_PLACEHOLDER.findall(chinese))
    ]
    assert wrong == []


def test_nothing_in_the_catalogue_is_said_nowhere():
    assert sorted(key for key in known().keys() - marked() if key != ("", "")) == []

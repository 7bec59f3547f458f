"""The demo company's own words, read from its file in the visitor's language. Knows no requests."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

COMPANY_FILE = Path(settings.BASE_DIR) / "chatbot" / "knowledge" / "demo" / "company.json"


@dataclass(frozen=True, kw_only=True)
class Product:
    name: str
    note: str
    price: str


@dataclass(frozen=True, kw_only=True)
class Company:
    name: str
    tagline: str
    about: str
    greeting: str
    starter_questions: list[str]
    hero_title: str
    hero_text: str
    products: list[Product]


@cache
def read_company(language: str) -> Company:
    """The company in `language` (`en` or `zh`). Raises OSError, ValueError or KeyError on a broken file."""
    texts = _in_language(json.loads(COMPANY_FILE.read_text(encoding="utf-8")), language)
    return Company(
        name=texts["name"],
        tagline=texts["tagline"],
        about=texts["about"],
        greeting=texts["greeting"],
        starter_questions=texts["starter_questions"],
        hero_title=texts["hero"]["title"],
        hero_text=texts["hero"]["text"],
        products=[Product(**product) for product in texts["products"]],
    )


def _in_language(value: Any, language: str) -> Any:
    """`value` with every {"en": ..., "zh": ...} in it replaced by the one of `language`."""
    if isinstance(value, dict):
        if value.keys() == {"en", "zh"}:
            return value[language]
        return {key: _in_language(part, language) for key, part in value.items()}
    if isinstance(value, list):
        return [_in_language(part, language) for part in value]
    return value

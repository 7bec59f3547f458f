"""How far reviewers agree, in plain arithmetic. Knows no rows."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

Table = Mapping[tuple[str, str], int]  # (what the first said, what the second said) -> how many items


@dataclass(frozen=True)
class Kappa:
    """`value` is None where it is undefined: nothing seen by both, or both always said the same one thing."""

    value: float | None
    num_items: int


@dataclass(frozen=True)
class Pair:
    first: str
    second: str
    kappa: Kappa


def cohens_kappa(table: Table) -> Kappa:
    """Cohen (1960), "A coefficient of agreement for nominal scales": (observed - expected) / (1 - expected)."""
    total = sum(table.values())
    if total == 0:
        return Kappa(None, 0)
    first: Counter[str] = Counter()
    second: Counter[str] = Counter()
    for (a, b), num in table.items():
        first[a] += num
        second[b] += num
    observed = sum(num for (a, b), num in table.items() if a == b) / total
    expected = sum(first[label] * second[label] for label in first) / total**2
    return Kappa(None if expected == 1 else (observed - expected) / (1 - expected), total)


def pooled(tables: Mapping[tuple[str, str], Table]) -> Kappa:
    """Over all pairs of reviewers together; within a pair they stand in one order, whatever it is."""
    together: Counter[tuple[str, str]] = Counter()
    for table in tables.values():
        together.update(table)
    return cohens_kappa(together)


def pairs_of(tables: Mapping[tuple[str, str], Table]) -> list[Pair]:
    """Per pair, those who share most items first."""
    pairs = [Pair(first, second, cohens_kappa(table)) for (first, second), table in tables.items()]
    return sorted(pairs, key=lambda pair: -pair.kappa.num_items)

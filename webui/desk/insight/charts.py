"""What a chart is: a finding, what is drawn, and the same as a table. The templates, the script and the CSV read it.

`chart_of_*` in `trends.py`, `comparisons.py` and `lists.py` make them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from webui.desk.insight import numbers


@dataclass(frozen=True)
class Column:
    """Of the table and the CSV. `kind`: see `numbers.write`; `name`: the CSV's, the same in every language."""

    name: str
    label: str
    kind: str = "count"

    @property
    def is_num(self) -> bool:
        return self.kind not in ("text", "day")


@dataclass(frozen=True)
class Series:
    """What is drawn of one kind. `colour`: a token of tokens.css. `values`: numbers, or [low, middle, high]."""

    label: str
    colour: str
    values: Sequence[Any]
    told: str = ""  # the figure of the whole period, beside the label


@dataclass(frozen=True)
class Cell:
    text: str
    is_num: bool


@dataclass(frozen=True, kw_only=True)
class Chart:
    """`kind`: bars, stack, lines, rows (sideways bars), intervals, heat or none (a list). `points`: words per label."""

    key: str
    name: str
    finding: str
    note: str = ""
    kind: str
    unit: str = "count"
    labels: Sequence[str] = ()
    series: Sequence[Series] = ()
    points: Sequence[str] = ()
    reference: float | None = None
    columns: Sequence[Column] = ()
    rows: Sequence[Sequence[Any]] = ()
    too_few: str = ""
    is_wide: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def cells(self) -> list[list[Cell]]:
        return [
            [
                Cell(numbers.write(value, column.kind), column.is_num)
                for value, column in zip(row, self.columns, strict=True)
            ]
            for row in self.rows
        ]

    @property
    def is_drawn(self) -> bool:
        return not self.too_few and self.kind not in ("heat", "none")

    @property
    def num_labels(self) -> int:
        return len(self.labels)

    def for_script(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "unit": self.unit,
            "labels": list(self.labels),
            "series": [{"label": s.label, "colour": s.colour, "values": list(s.values)} for s in self.series],
            "points": list(self.points),
            "reference": self.reference,
        }

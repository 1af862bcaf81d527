"""Prepares the column statistics of a validation report for display."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from titlebout.core.loose_json import integer, mapping, share
from titlebout.core.pages.report_words import in_words

MAX_COLUMNS = 300


@dataclass(frozen=True)
class ReadColumn:
    """Statistics of one column; texts are ready to show, and empty where nothing is known."""

    name: str
    kind: str = ""
    null_share: float | None = None
    usual_null_share: float | None = None
    nulls: int | None = None
    low: str = ""
    high: str = ""
    mean: str = ""
    distinct: str = ""
    top: str = ""


def read_columns(
    statistics: Mapping[str, Any], usual: Mapping[str, Any], types: Mapping[str, str]
) -> tuple[ReadColumn, ...]:
    """Read the columns, in the order of the snapshot."""
    rows = integer(statistics.get("rows"))
    found = {name: mapping(each) for name, each in mapping(statistics.get("columns")).items()}
    # A report's own keys are sorted.
    ordered = [*(name for name in types if name in found), *(name for name in found if name not in types)]
    return tuple(
        replace(
            _column(name, found[name], rows),
            kind=types.get(name, ""),
            usual_null_share=share(mapping(usual.get(name)).get("null_share")),
        )
        for name in ordered[:MAX_COLUMNS]
    )


def _column(name: str, found: Mapping[str, Any], rows: int | None) -> ReadColumn:
    nulls = integer(found.get("nulls"))
    categories = {str(each): count for each, count in mapping(found.get("categories")).items() if integer(count)}
    most = sorted(categories, key=lambda each: (-categories[each], each))[:5]
    return ReadColumn(
        name=name,
        null_share=share(nulls / rows) if nulls is not None and rows else None,
        nulls=nulls,
        low=_known(found, "low"),
        high=_known(found, "high"),
        mean=_known(found, "mean"),
        distinct=_known(found, "distinct"),
        top=", ".join(f"{in_words(each)} ({categories[each]})" for each in most),
    )


def _known(found: Mapping[str, Any], name: str) -> str:
    return in_words(found[name]) if found.get(name) is not None else ""

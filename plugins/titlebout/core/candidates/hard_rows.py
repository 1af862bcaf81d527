"""Rows at the edges of what a caller may send, made from a feature plan: extremes, nulls, unseen categories."""

from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from titlebout.core.errors import FieldError
from titlebout.core.features import FeaturePlan
from titlebout.core.golden import UNSEEN
from titlebout.core.predictor import Predictor
from titlebout.core.specs.dataset_spec import ColumnType

Row = dict[str, JsonValue]

# Of what fits into float32 and survives a ratio or a difference; and what people type when they mean "no value".
EXTREMES: dict[ColumnType, tuple[JsonValue, ...]] = {
    ColumnType.INTEGER: (0, -1, 2**31 - 1, -(2**31), 2**53),
    ColumnType.NUMBER: (0.0, -0.0, -1.0, 1e-30, 1e30, -1e30),
    ColumnType.FLAG: (True, False),
    ColumnType.DATE: ("1900-01-01", "2000-02-29", "2100-12-31"),
    ColumnType.TIMESTAMP: ("1970-01-01T00:00:00Z", "2024-02-29T23:59:59Z", "2100-12-31T23:59:59Z"),
    ColumnType.TEXT: ("", " ", "\u00e9\u4e2d", "x" * 1000),
}


def hard_rows(predictor: Predictor, sample: Row) -> tuple[Row, ...]:
    """Return rows that are hard to score alike everywhere, without those that may not be scored at all.

    Args:
        predictor: The candidate, as loaded where it was trained; what it refuses, a server must refuse too.
        sample: An ordinary row, in which one field after the other is replaced.
    """
    return tuple(row for row in _variants(predictor.plan, sample) if _is_scored(predictor, row))


def _variants(plan: FeaturePlan, sample: Row) -> Iterator[Row]:
    yield dict.fromkeys(sample)
    for name, declared in plan.fields.items():
        yield sample | {name: None}
        for value in EXTREMES[declared]:
            yield sample | {name: value}
    unseen = {name: UNSEEN[plan.fields[name]] for name in plan.vocabularies if plan.fields[name] in UNSEEN}
    yield from (sample | {name: value} for name, value in unseen.items())
    for largest in (False, True):
        yield sample | unseen | {name: _numeric(declared)[largest] for name, declared in _numbers(plan)}


def _numbers(plan: FeaturePlan) -> Sequence[tuple[str, ColumnType]]:
    both = (ColumnType.INTEGER, ColumnType.NUMBER)
    return [(name, declared) for name, declared in plan.fields.items() if declared in both]


def _numeric(declared: ColumnType) -> tuple[JsonValue, JsonValue]:
    return (-(2**31), 2**31 - 1) if declared is ColumnType.INTEGER else (-1e30, 1e30)


def _is_scored(predictor: Predictor, row: Row) -> bool:
    try:
        predictor.predict_rows([row])
    except FieldError:
        return False
    return True

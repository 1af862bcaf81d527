"""What training saw of a categorical field; anything else is scored as *other*, and the server says so."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from titlebout.core.features import FeaturePlan
from titlebout.core.field_values import category_reader, zone_of
from titlebout.core.specs.dataset_spec import ColumnType


class SeenCategories(NamedTuple):
    """The categories of one field.

    Attributes:
        known: Their texts.
        text_of: Names the category of a value; None where the field is a text, which names itself.
    """

    known: frozenset[str]
    text_of: Callable[[JsonValue], str] | None

    def unseen(self, values: Sequence[JsonValue]) -> list[int]:
        """Return the places of values of the field's type whose category training never saw; null is none.

        The meaning counts, not the spelling: 5.0 is the category 5, and a time is the same with any offset.
        """
        known, text_of = self.known, self.text_of
        if text_of is None:
            return [place for place, value in enumerate(values) if value not in known and value is not None]
        return [place for place, value in enumerate(values) if value is not None and text_of(value) not in known]


def seen_categories(plan: FeaturePlan) -> dict[str, SeenCategories]:
    """Return what training saw of each categorical field of a plan."""
    zone = zone_of(plan.timezone)
    return {
        name: SeenCategories(
            frozenset(known),
            None if plan.fields[name] is ColumnType.TEXT else category_reader(plan.fields[name], zone),
        )
        for name, known in plan.vocabularies.items()
    }

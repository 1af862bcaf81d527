"""The classes that the target of a model of several classes may have."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import StrictBool, StrictInt, StringConstraints

from titlebout.core.errors import first_few
from titlebout.core.specs.dataset_spec import ColumnType

# Strict: `yes` and 1 in YAML are a flag and a number, and no text of a text column.
ClassName = StrictBool | StrictInt | Annotated[str, StringConstraints(strict=True, min_length=1, max_length=128)]
"""A value of the target that is a class, in the type of its column."""

FEWEST_CLASSES, MOST_CLASSES = 2, 200
CLASS_TYPES: Mapping[ColumnType, type] = {ColumnType.TEXT: str, ColumnType.INTEGER: int, ColumnType.FLAG: bool}
"""Types that a target with classes may have, and what its classes are in Python."""
_SHOWN = 10


def refuse_bad_classes(classes: Sequence[ClassName]) -> None:
    """Check that classes can be told apart, and are of one type.

    Raises:
        ValueError: They are not; the message says what to write.
    """
    # Python takes True and 1 for equal.
    if len({(type(each), each) for each in classes}) < max(FEWEST_CLASSES, len(classes)):
        message = f"classes must name {FEWEST_CLASSES} to {MOST_CLASSES} different values of the target"
        raise ValueError(message)
    if len({type(each) for each in classes}) > 1:
        message = "classes must all be texts, whole numbers, or flags; write `no`, `on` or 1 in quotes to make a text"
        raise ValueError(message)


def refuse_foreign_classes(classes: Sequence[ClassName], target: str, declared: ColumnType) -> None:
    """Check that a column may hold the classes.

    Raises:
        ValueError: It is of another type.
    """
    wanted = CLASS_TYPES.get(declared)
    if wanted is None:
        message = (
            f"{target} is the target and has classes, but dataset.columns declares it as {declared}; declare it as "
            f"{', '.join(CLASS_TYPES)}"
        )
        raise ValueError(message)
    if any(type(each) is not wanted for each in classes):
        found = type(classes[0]).__name__
        words = {"bool": "flags", "int": "whole numbers", "str": "texts"}
        message = (
            f"training.classes are {words[found]}, but dataset.columns declares {target} as {declared}; in YAML "
            "`no`, `off` and 1 are texts only in quotes"
        )
        raise ValueError(message)


def class_text(name: ClassName) -> str:
    """Return a class as a text, as categories are written: `true` for a flag.

    >>> class_text(True), class_text(3), class_text("low")
    ('true', '3', 'low')
    """
    return str(name).lower() if isinstance(name, bool) else str(name)


def listed(classes: Sequence[ClassName]) -> str:
    """Name classes in a message, the first ten of them.

    >>> listed(("low", "high")), listed(range(12))
    ("'low', 'high'", '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more')
    """
    return first_few([repr(each) for each in classes], _SHOWN)

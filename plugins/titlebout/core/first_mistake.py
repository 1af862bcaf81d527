"""What pydantic found wrong first, for a message of one line."""

from typing import NamedTuple

from pydantic import ValidationError


class Mistake(NamedTuple):
    """One mistake in a document.

    Attributes:
        where: Dotted key, such as `rows.0.hour`.
        problem: What is wrong there. It never repeats what was found, which may be long, or secret.
    """

    where: str
    problem: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.where}: {self.problem}"


def first_mistake(error: ValidationError, whole: str) -> Mistake:
    """Return the first of the mistakes.

    Args:
        error: What pydantic raised.
        whole: How to name the place of a mistake that concerns the document as a whole.
    """
    detail = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in detail["loc"])
    return Mistake(where or whole, detail["msg"].removeprefix("Value error, "))

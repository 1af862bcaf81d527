"""The path of a source of kind `files`, as a spec may name it."""

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator

PLACE = "{partition}"


def relative_pattern(pattern: str) -> str:
    """Return a path that stays below its root.

    Raises:
        ValueError: It does not, or holds braces that stand for nothing.
    """
    if not pattern or pattern.startswith("/") or ".." in PurePosixPath(pattern).parts or {"\\", "\0"} & set(pattern):
        message = f"{pattern!r} must be relative to the root of the connection, without '..'"
        raise ValueError(message)
    if {"{", "}"} & set(pattern.replace(PLACE, "")):
        message = f"{pattern!r} has braces other than {PLACE}, which stands for the key"
        raise ValueError(message)
    return pattern


RelativePattern = Annotated[str, AfterValidator(relative_pattern)]


def holds_rows(key: str, prefix: str) -> bool:
    """Whether an object below a prefix is data: writers leave folder markers, `_SUCCESS` and hidden objects beside it.

    >>> holds_rows("rides/day=1/part-0.csv", "rides/"), holds_rows("rides/day=1/_SUCCESS", "rides/")
    (True, False)
    """
    return bool(key.rpartition("/")[-1]) and not any(
        part.startswith(("_", ".")) for part in key.removeprefix(prefix).split("/")
    )

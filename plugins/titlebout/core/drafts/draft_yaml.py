"""Writes YAML with comments: the few forms that a drafted model spec needs, and no others."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from pydantic import JsonValue

Scalar = str | int | float | bool | date
Value = Scalar | list[Scalar] | tuple["Entry", ...]

_WIDTH = 118
# Nothing that any YAML parser takes for a flag, a number, a date or nothing at all.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_RESERVED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
_BREAKS = "\x85\u2028\u2029\ufeff"


@dataclass(frozen=True)
class Entry:
    """A key with its value and the reason for it.

    Attributes:
        key: As it stands in the file.
        value: A scalar, a list of scalars, or the entries of a section.
        comment: Why; beside the value where it is short, above it otherwise.
        above: Whether the comment stands above in any case.
    """

    key: str
    value: Value
    comment: str = ""
    above: bool = False


def yaml_text(entries: Sequence[Entry], header: Sequence[str] = ()) -> str:
    """Write entries as YAML, with comment lines on top.

    >>> print(yaml_text([Entry("name", "rides"), Entry("null", [1, "no"], "a guess")], ["by hand"]), end="")
    # by hand
    name: rides
    "null": [1, "no"]  # a guess
    """
    lines = [f"# {_one_line(line)}" for line in header]
    return "\n".join([*lines, *_lines(entries, 0)]) + "\n"


def plain_document(entries: Sequence[Entry]) -> dict[str, JsonValue]:
    """Return what a YAML parser makes of the text; dates as texts."""
    document: dict[str, JsonValue] = {}
    for entry in entries:
        if isinstance(entry.value, tuple):
            document[entry.key] = plain_document(entry.value)
        elif isinstance(entry.value, list):
            document[entry.key] = [_plain(item) for item in entry.value]
        else:
            document[entry.key] = _plain(entry.value)
    return document


def quoted(text: str) -> str:
    r"""Write a text so that every YAML parser reads the same text back.

    >>> print(quoted("rain"), quoted("no"), quoted('a "b"\n'), quoted("Größe"))
    rain "no" "a \"b\"\n" "Größe"
    """
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return f'"{"".join(map(_escaped, text))}"'


def _lines(entries: Sequence[Entry], depth: int) -> Iterator[str]:
    indent = "  " * depth
    for position, entry in enumerate(entries):
        is_section = isinstance(entry.value, tuple) and len(entry.value) > 0
        if depth == 0 and is_section and position:
            yield ""
        head = f"{indent}{quoted(entry.key)}:"
        body = [head] if is_section else _valued(head, entry.value, indent)
        comment = _one_line(entry.comment)
        is_beside = not entry.above and len(body) == 1 and len(body[0]) + 4 + len(comment) <= _WIDTH
        if comment and not is_beside:
            width = max(40, _WIDTH - 2 - len(indent))
            yield from (f"{indent}# {line}" for line in textwrap.wrap(comment, width, break_on_hyphens=False))
        yield from [f"{body[0]}  # {comment}"] if comment and is_beside else body
        if is_section and isinstance(entry.value, tuple):
            yield from _lines(entry.value, depth + 1)


def _valued(head: str, value: Value, indent: str) -> list[str]:
    if isinstance(value, tuple):
        return [f"{head} {{}}"]
    if not isinstance(value, list):
        return [f"{head} {_scalar(value)}"]
    items = [_scalar(item) for item in value]
    whole = f"{head} [{', '.join(items)}]"
    if len(whole) <= _WIDTH:
        return [whole]
    lines, line = [f"{head} ["], f"{indent}    "
    for item in items:
        if len(line) + len(item) > _WIDTH and line.strip():
            lines.append(line.rstrip())
            line = f"{indent}    "
        line += f"{item}, "
    return [*lines, line.rstrip(), f"{indent}  ]"]


def _scalar(value: Scalar) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return quoted(value)
    # YAML 1.1 takes 1e-09 for a text: it wants a point.
    return re.sub(r"^(-?[0-9]+)e", r"\1.0e", repr(value))


def _plain(value: Scalar) -> JsonValue:
    return value.isoformat() if isinstance(value, date) else value


def _escaped(character: str) -> str:
    if character in {'"', "\\"}:
        return f"\\{character}"
    if character.isprintable() and character not in _BREAKS:
        return character
    code = ord(character)
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    if character in named:
        return named[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _one_line(comment: str) -> str:
    """A comment made from data must not end its line, nor hold what YAML forbids."""
    return " ".join("".join(c if c.isprintable() and c not in _BREAKS else " " for c in comment).split())

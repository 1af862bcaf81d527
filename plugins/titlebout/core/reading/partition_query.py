"""The query of a source of kind `sql`: what it may say, and the parameters that it binds."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from titlebout.core.cadences import Cadence
from titlebout.core.errors import SpecError, did_you_mean

PARAMETERS = ("partition", "day", "next_day", "start", "end")
_ALLOWED = ", ".join(f":{name}" for name in PARAMETERS)

# A colon belongs to no parameter where it stands in a cast (`x::date`), a slice (`a[1:2]`), a path (`"doc":key`).
_TOKEN = re.compile(
    r"""
    (?P<quoted> '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | (?<!\w)\$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<comment> --[^\n]* | /\*.*?\*/ )
    | (?P<unclosed> ['"`] | /\* )
    | (?<![:\w\])"`]) : (?P<parameter> [^\W\d]\w* ) (?!\w)
    | (?P<code> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_TEMPLATE = re.compile(r"\{\{|\{%|\{(?:" + "|".join(PARAMETERS) + r")\}")
_PLACEHOLDER = re.compile(r"%s\b|%\(\w*\)|\?|\$\d")
_READS = re.compile(r"\s*(?:select|with)\b", re.IGNORECASE)
_CHANGES = re.compile(r"\b(?:insert|update|delete|merge|into|create|alter|drop|truncate|grant|call)\b", re.IGNORECASE)
_SHOWN_CHARACTERS = 40


@dataclass(frozen=True)
class PartitionQuery:
    """A checked query.

    Attributes:
        escaped: The text with a backslash before every colon that belongs to no parameter, as SQLAlchemy's
            `text()` takes it, and without the semicolon at its end.
    """

    name: str
    text: str
    parameters: frozenset[str]
    escaped: str

    @property
    def sha256(self) -> str:
        """Name the text by its hash: rows of another query are another delivery."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def check_cadence(self, cadence: Cadence) -> None:
        """Refuse a query that bounds days where a partition is longer or shorter than one.

        Raises:
            SpecError: `:day` alone would read the first day of a week or month, and all hours of a day for each hour.
        """
        bounding = [{"partition"}, {"start", "end"}]
        if cadence is not Cadence.HOURLY:
            bounding.append({"day"} if cadence is Cadence.DAILY else {"day", "next_day"})
        if not any(names <= self.parameters for names in bounding):
            known = ", or ".join(" and ".join(f":{name}" for name in sorted(names)) for names in bounding)
            message = f"query {self.name}: nothing bounds a partition of cadence {cadence}; compare with {known}"
            raise SpecError(message)


def parse_query(name: str, text: str, where: str) -> PartitionQuery:
    """Check that a query reads, that only bound parameters reach into it, and that they bound the day.

    It guards against mistakes, not against its author: the query is a reviewed file of the project.

    Raises:
        SpecError: The query breaks one of these rules; the message names what is allowed.
    """
    tokens = list(_TOKEN.finditer(text))
    mistake = next(_mistakes(tokens), None)
    if mistake:
        message = f"{where}: {mistake}"
        raise SpecError(message)
    names = frozenset(token["parameter"] for token in tokens if token["parameter"])
    return PartitionQuery(name, text, names, "".join(map(_escaped, tokens)).strip())


def _mistakes(tokens: list[re.Match[str]]) -> Iterator[str]:
    code = "".join(map(_code, tokens))
    texts = "".join(token[0] for token in tokens if not token["comment"])
    for token in tokens:
        if token["unclosed"]:
            yield f"{token[0]} at character {token.start() + 1} is never closed; close it"
        if token["quoted"] and "\\'" in token[0]:
            yield f"{_shown(token[0])}: databases differ about \\' ; write '' for a quote, and ESCAPE with another sign"
    if found := _TEMPLATE.search(texts) or _PLACEHOLDER.search(code):
        yield f"{found[0]!r} is no bound parameter; write {_ALLOWED}, without quotes around it"
    if re.search(r";\s*[^\s;]", code):
        yield "holds several statements; leave one SELECT"
    if not _READS.match(code):
        yield f"begins with {_shown(code.strip())!r}; a source only reads: begin with SELECT or WITH"
    if found := _CHANGES.search(code):
        yield f"says {found[0]}, and a source only reads; leave it out, or quote it where it is a column's name"
    yield from _parameter_mistakes({token["parameter"] for token in tokens if token["parameter"]})


def _parameter_mistakes(names: set[str]) -> Iterator[str]:
    for unknown in sorted(names - set(PARAMETERS)):
        yield f":{unknown} is no parameter ({did_you_mean(unknown, PARAMETERS)}); allowed are {_ALLOWED}"
    if not (names & {"partition", "day"} or {"start", "end"} <= names):
        yield (
            "no parameter bounds the day, so every day would get the same rows; "
            "compare with :partition or :day, or with both :start and :end (excluded)"
        )


def _code(token: re.Match[str]) -> str:
    """Return what a keyword may be looked for in: neither literals nor comments nor names in quotes."""
    if token["comment"]:
        return " "
    return "''" if token["quoted"] else token[0]


def _escaped(token: re.Match[str]) -> str:
    if token["parameter"]:
        return token[0]
    return "" if token[0] == ";" else token[0].replace(":", "\\:")


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"

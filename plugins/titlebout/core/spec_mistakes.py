"""What is wrong with a model spec, in the words of who wrote it: where, what was found, what to write instead."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from titlebout.core.errors import did_you_mean
from titlebout.core.specs.dataset_spec import DemoSource, FilesSource, S3Source, SqlSource
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.specs.spec_section import NAME_PATTERN, SpecSection

_SOURCE_KINDS: dict[str, type[SpecSection]] = {
    "files": FilesSource,
    "s3": S3Source,
    "sql": SqlSource,
    "demo": DemoSource,
}
_TAGS_AT = {"dataset.source": 2, "dataset.derived": 3}
_LONGEST_SHOWN = 80
_FEW_CHOICES = 6
_WANTED = {
    "bool": "give true or false",
    "date": "give a day such as 2024-02-01",
    "dict": "give keys with values below it",
    "float": "give a number",
    "int": "give a whole number",
    "list": "give a list, such as [one, two]",
    "model": "give keys with values below it",
    "string": "give a text, in quotes where it looks like something else",
    "tuple": "give a list, such as [one, two]",
}
"""What to write, by the first word of pydantic's name of the mistake."""


def mistakes_of(error: ValidationError) -> Iterator[str]:
    """Yield one line per mistake: dotted key, what was found, what to do."""
    for detail in error.errors(include_url=False):
        where, remedy = _dotted(detail), _remedy(detail)
        # A rule that concerns several keys names them itself.
        yield f"{where}: {remedy}" if where else remedy


def yaml_mistake(error: Exception) -> str:
    """Return where and why a text is no YAML, on one line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())


def _dotted(detail: ErrorDetails) -> str:
    place = [str(part) for part in detail["loc"]]
    tag = _TAGS_AT.get(".".join(place[:2]))  # pydantic names the kind as well, as if it were a key
    if tag is not None:
        del place[tag : tag + 1]
    return ".".join([*place, "kind"] if detail["type"].startswith("union_tag") else place)


def _remedy(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return f"unknown key; {did_you_mean(str(detail['loc'][-1]), _sibling_keys(detail['loc']))}"
    if kind in {"missing", "union_tag_not_found"}:
        return "required key is missing"
    if kind in _CHOICES:
        allowed = str(context.get("expected") or context["expected_tags"])
        return _not_allowed(_CHOICES[kind](detail), re.findall(r"'([^']*)'", allowed))
    return _in_our_words(kind, context, detail) + _found(detail)


def _not_allowed(found: object, choices: Sequence[str]) -> str:
    near = did_you_mean(str(found), choices)
    if len(choices) <= _FEW_CHOICES and not near.startswith("valid"):
        near = f"{near} valid: {', '.join(choices)}"
    return f"{_short(found)} is not allowed; {near}"


def _in_our_words(kind: str, context: Mapping[str, object], detail: ErrorDetails) -> str:
    for sign, words in (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than")):
        if sign in context and kind.startswith(("greater_than", "less_than")):
            return f"must be {words} {context[sign]}"
    if context.get("pattern") == NAME_PATTERN:
        return "give lower case letters, digits and underscores, with a letter first"
    if kind.endswith(("_type", "_parsing", "_from_datetime_parsing", "_from_float")):
        wanted = _WANTED.get(kind.partition("_")[0])
        if wanted:
            return wanted
    return detail["msg"].removeprefix("Value error, ")


def _found(detail: ErrorDetails) -> str:
    shown = _short(detail["input"])
    return "" if len(shown) > _LONGEST_SHOWN or shown in detail["msg"] else f" (found {shown})"


def _short(found: object) -> str:
    return repr(str(found) if hasattr(found, "isoformat") else found)


def _tag(detail: ErrorDetails) -> object:
    return detail["ctx"]["tag"]


def _input(detail: ErrorDetails) -> object:
    return detail["input"]


_CHOICES: Mapping[str, Callable[[ErrorDetails], object]] = {
    "enum": _input,
    "literal_error": _input,
    "union_tag_invalid": _tag,
}
"""Mistakes with a list of what is allowed, and how each tells what was found."""


def _sibling_keys(location: tuple[int | str, ...]) -> tuple[str, ...]:
    """Return the keys that the section of a misspelt key does have."""
    section: type[SpecSection] = ModelSpec
    for part in location[:-1]:
        if part in _SOURCE_KINDS:  # a location inside a source names its kind as well
            section = _SOURCE_KINDS[str(part)]
            continue
        annotation = section.model_fields[str(part)].annotation
        if isinstance(annotation, type) and issubclass(annotation, SpecSection):
            section = annotation
    return tuple(section.model_fields)

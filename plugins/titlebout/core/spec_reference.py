"""Every key of a model spec with type, range, default and meaning, as a page of Markdown made from the JSON schema."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from titlebout.core.specs.spec_section import NAME_PATTERN

Schema = Mapping[str, Any]

_HEAD = """\
# Every key of a model spec

Made from the code by `make schema`, as [schema.json](../include/models/schema.json) is for editors. A key that is not
here is refused. *required* is what a spec has to say; all else has a default, and a section that is left out has all of
its defaults, or is off where its default is *none*. What keys do together is told on [the other pages](README.md).
"""
_BOUNDS = (("minimum", "≥ {}"), ("exclusiveMinimum", "> {}"), ("maximum", "≤ {}"), ("exclusiveMaximum", "< {}"))
_LENGTHS = (("minItems", "at least {}"), ("maxItems", "at most {}"))
_LONGEST_DEFAULT = 110
_GROUPED = 10_000  # smaller numbers may be years


def spec_page(schema: Schema) -> str:
    """Return the page of a model spec's schema."""
    return "\n".join([_HEAD, *_Page(schema).lines()]).rstrip("\n")


class _Page:
    """The schema on its way to a page: sections in the order of their keys, each below the one that holds it."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._definitions: Mapping[str, Schema] = schema["$defs"]

    def lines(self) -> Iterator[str]:
        """Yield the lines of all sections."""
        yield from self._section("", self._schema)

    def _section(self, path: str, section: Schema) -> Iterator[str]:
        if path:
            yield f"## `{path}`\n"
        if path and section.get("description"):
            yield f"{_plain(section['description'])}\n"
        yield "| key | value | default | meaning |"
        yield "|---|---|---|---|"
        required = section.get("required", [])
        for name, key in section["properties"].items():
            default = "*required*" if name in required else self._default(key)
            yield f"| `{name}` | {_cell(self._value(key))} | {default} | {_cell(self._meaning(key))} |"
        yield ""
        for name, key in section["properties"].items():
            for suffix, inner in self._inner(key):
                yield from self._section(f"{path}.{name}{suffix}".lstrip("."), inner)

    def _inner(self, key: Schema) -> Iterator[tuple[str, Schema]]:
        """Yield the sections that a key holds, and what is added to its name for each."""
        if kinds := key.get("discriminator", {}).get("mapping"):
            yield from ((f"` of kind `{kind}", self._of(reference)) for kind, reference in kinds.items())
            return
        for choice in key.get("anyOf", [key]):
            found = self._resolved(choice)
            if len(found.get("properties", {})) > 1:
                yield "", found
            elif found.get("type") == "object":
                yield from ((f".<name>{suffix}", each) for suffix, each in self._inner(_values(found)))

    def _value(self, key: Schema) -> str:
        """Say in a few words what may be written."""
        if kinds := key.get("discriminator", {}).get("mapping"):
            return "one of the kinds " + ", ".join(f"`{kind}`" for kind in kinds)
        if choices := key.get("anyOf"):
            words = [self._value(choice) for choice in choices if choice.get("type") != "null"]
            return " or ".join(dict.fromkeys(words))
        found = self._resolved(key)
        if "const" in found or "enum" in found:
            return ", ".join(f"`{each}`" if each else "empty" for each in found.get("enum", [found.get("const")]))
        if len(found.get("properties", {})) == 1:
            ((name, inner),) = found["properties"].items()
            return f"section of `{name}`: {self._value(inner)}"
        return "section" if "properties" in found else self._plain_value(found)

    def _plain_value(self, found: Schema) -> str:
        bounds = [form.format(_number(found[name])) for name, form in _BOUNDS if name in found]
        match found.get("type"):
            case "array" if "prefixItems" in found:
                return f"list of {len(found['prefixItems'])}: {', '.join(map(self._value, found['prefixItems']))}"
            case "array":
                lengths = [form.format(found[name]) for name, form in _LENGTHS if name in found]
                return ", ".join([f"list of {self._value(found.get('items', {}))}", *lengths])
            case "object":
                return f"names, each with {self._value(_values(found))}"
            case "string":
                words = "day" if found.get("format") == "date" else "text"
                words = "name: a-z, 0-9, _" if found.get("pattern") == NAME_PATTERN else words
                length = (found.get("minLength", 0), found.get("maxLength", 0))
                words = {(1, 1): "one character", (1, 128): "column"}.get(length, words)
            case "integer":
                words = "whole number"
            case "boolean":
                words = "true or false"
            case _:
                words = str(found.get("type", "any value"))
        return ", ".join([words, *bounds])

    def _default(self, key: Schema) -> str:
        inner = self._resolved(key).get("properties", {})
        if inner:  # its own keys have theirs
            return self._default(next(iter(inner.values()))) if len(inner) == 1 else ""
        default = key.get("default")
        if default in (None, [], {}, ""):
            return "none" if default is None else "empty"
        text = _number(default) if isinstance(default, float) else json.dumps(default, ensure_ascii=False)
        text = text.replace('"', "")
        return f"`{text}`" if len(text) <= _LONGEST_DEFAULT else "all of these"

    def _meaning(self, key: Schema) -> str:
        if "const" in key:
            return "Says which kind it is."
        return _plain(key.get("description") or self._described([key, *key.get("anyOf", [])]))

    def _described(self, keys: Sequence[Schema]) -> str:
        texts = (self._resolved(each).get("description", "") for each in keys)
        return next((text for text in texts if text), "")

    def _resolved(self, key: Schema) -> Schema:
        return self._of(key["$ref"]) if "$ref" in key else key

    def _of(self, reference: str) -> Schema:
        return self._definitions[reference.rpartition("/")[2]]


def _number(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) and number >= _GROUPED else f"{number:g}"


def _values(found: Schema) -> Schema:
    """Return what the values of an object with any names are."""
    by_pattern = [*found.get("patternProperties", {}).values()]
    return by_pattern[0] if by_pattern else found.get("additionalProperties") or {}


def _plain(text: str) -> str:
    return " ".join(re.sub(r"\n\nAttributes:.*", "", text, flags=re.DOTALL).split())


def _cell(text: str) -> str:
    return text.replace("|", r"\|")

"""What the inference log keeps of each field, and how much of it there may be: the part of the spec a server gets."""

import hmac
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Self
from zlib import crc32

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from titlebout.core.field_values import category_reader
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.specs.serving_spec import ColumnPolicy, LogSection

SHORTEST_KEY = 16
_HASH_CHARACTERS = 32
_MEBIBYTE = 2**20

Redact = Callable[[JsonValue], JsonValue]
"""Turns the value of a field into what is written of it; null stays null."""


class LogPolicy(BaseModel):
    """Body of `PUT /admin/log`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = False
    sample_rate: float = Field(default=1.0, gt=0, le=1)
    flush_seconds: float = Field(default=300.0, gt=0)
    max_queued_rows: int = Field(default=10_000, ge=1)
    max_waiting_bytes: int = Field(default=512 * _MEBIBYTE, ge=1)
    default: ColumnPolicy = ColumnPolicy.VALUE
    columns: dict[str, ColumnPolicy] = {}
    key: str | None = Field(default=None, min_length=SHORTEST_KEY, repr=False)

    @model_validator(mode="after")
    def _hashes_have_a_key(self) -> Self:
        if self.enabled and self.key is None and ColumnPolicy.HASH in {self.default, *self.columns.values()}:
            message = "a hashed column needs a key: without one, whoever tries all values finds the right one"
            raise ValueError(message)
        return self

    @classmethod
    def of(cls, section: LogSection, key: str | None) -> Self:
        """Take what a spec says."""
        return cls(
            enabled=section.enabled,
            sample_rate=section.sample_rate,
            flush_seconds=section.flush_seconds,
            max_queued_rows=section.max_queued_rows,
            max_waiting_bytes=section.max_waiting_mebibytes * _MEBIBYTE,
            default=section.of_others,
            columns=section.of_named,
            key=key if section.has_hashes else None,
        )

    def takes(self, request_id: str) -> bool:
        """Whether a request is logged: the same for everything that scored it."""
        return self.sample_rate >= 1 or crc32(request_id.encode()) < self.sample_rate * 2**32

    def kept(self, fields: Mapping[str, ColumnType]) -> dict[str, ColumnPolicy]:
        """Return the fields of which something is written."""
        found = {name: self.columns.get(name, self.default) for name in fields}
        return {name: policy for name, policy in found.items() if policy is not ColumnPolicy.DROP}

    def redaction(self, name: str, declared: ColumnType, zone: tzinfo) -> Redact:
        """Return what is to be done with the values of a field that is kept."""
        if self.columns.get(name, self.default) is ColumnPolicy.VALUE:
            return _as_it_is
        key = self.key or ""
        return lambda value: None if value is None else hashed(key, name, value, declared, zone)


def hashed(key: str, column: str, value: JsonValue, declared: ColumnType, zone: tzinfo) -> str:
    """Return what the log holds instead of a value: equal values of a column have equal hashes, and only with the key.

    The meaning counts, not the spelling: 5 and 5.0 of an integer, or two spellings of a moment, are one value. The
    column's name takes part, so that the same value in two columns cannot be linked.

    >>> from datetime import UTC
    >>> hashed("0123456789abcdef", "town", "Oslo", ColumnType.TEXT, UTC)
    '9ca272d328db7ca45acd303c0f18696f'
    """
    text = category_reader(declared, zone)(value)
    return hmac.digest(key.encode(), f"{column}\0{text}".encode("utf-8", "surrogatepass"), "sha256").hex()[
        :_HASH_CHARACTERS
    ]


def _as_it_is(value: JsonValue) -> JsonValue:
    return value

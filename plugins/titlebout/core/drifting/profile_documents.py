"""Profiles as JSON documents in the lake; every part is validated when it is read."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from titlebout.core.drifting.category_counts import CategoryCounts
from titlebout.core.drifting.column_profile import CategoryProfile, ColumnProfile, NumberProfile
from titlebout.core.drifting.moments import Moments
from titlebout.core.drifting.number_sketch import ALL_BITS, NumberSketch
from titlebout.core.drifting.partition_profile import PartitionProfile, ProfileQuestion
from titlebout.core.sealed_json import opened, sealed

_NO_PROFILE = "no profile, or one of another release"
_FRACTION = re.compile(r"-?[0-9]+(/[0-9]+)?")
"""`Fraction` reads more, such as a few characters that stand for gigabytes of digits."""


@dataclass(frozen=True)
class SnapshotProfile:
    """The profile of one snapshot, as it lies beside its rows."""

    data_sha256: str
    question: ProfileQuestion
    profile: PartitionProfile

    def document(self) -> bytes:
        """Return the bytes of its file, which hold their own hash: no manifest vouches for them."""
        about = self._about(self.data_sha256, self.question)
        return sealed("profile", _written(about | {"profile": _partition(self.profile)}))

    @classmethod
    def opened(cls, document: bytes, question: ProfileQuestion, data_sha256: str) -> PartitionProfile | None:
        """Read a file; None where it is damaged, or about something else."""
        body = opened("profile", document)
        if body is None:
            return None
        try:
            match _read(body):
                case {"profile": profile, **about} if about == cls._about(data_sha256, question):
                    return _opened_partition(profile)
        except ValueError:
            pass
        return None

    @staticmethod
    def _about(data_sha256: str, question: ProfileQuestion) -> dict[str, Any]:
        return {"data_sha256": data_sha256, "question": question.as_json()}


def profile_document(profile: PartitionProfile) -> bytes:
    """Return a profile as bytes; the same profile gives the same bytes."""
    return _written(_partition(profile))


def opened_profile(document: bytes) -> PartitionProfile:
    """Read a profile.

    Raises:
        ValueError: It is none, or one of a release that knows more.
    """
    return _opened_partition(_read(document))


# --- writing ---------------------------------------------------------------------------------------------------------


def _written(document: Mapping[str, Any]) -> bytes:
    # Names of profiles are hashes of bytes that pydantic has always written; who only reads does not wait for it.
    from pydantic import TypeAdapter

    return TypeAdapter(Mapping[str, Any]).dump_json(document)


def _partition(profile: PartitionProfile) -> dict[str, Any]:
    return {"rows": profile.rows, "columns": {name: _column(each) for name, each in profile.columns.items()}}


def _column(profile: ColumnProfile) -> dict[str, Any]:
    if isinstance(profile, CategoryProfile):
        found = profile.categories
        counted = {"categories": {"is_grouped": found.is_grouped, "counts": found.counts}}
        return {"kind": "categories", "missing": profile.missing, **counted}
    moments, sketch = profile.moments, profile.sketch
    return {
        "kind": "numbers",
        "missing": profile.missing,
        "moments": {
            "count": moments.count,
            "total": str(moments.total),
            "squares": str(moments.squares),
            "smallest": moments.smallest,
            "largest": moments.largest,
        },
        "sketch": {"bits": sketch.bits, "codes": sketch.codes.tolist(), "counts": sketch.counts.tolist()},
    }


# --- reading ---------------------------------------------------------------------------------------------------------


def _read(document: bytes) -> object:
    try:
        return json.loads(document)
    except RecursionError as error:
        raise ValueError(_NO_PROFILE) from error


def _opened_partition(found: object) -> PartitionProfile:
    match found:
        case {"rows": int() as rows, "columns": dict() as columns, **more} if rows >= 0 and not more:
            return PartitionProfile(rows=rows, columns={name: _opened_column(each) for name, each in columns.items()})
    raise ValueError(_NO_PROFILE)


def _opened_column(found: object) -> ColumnProfile:
    match found:
        case {"kind": "numbers", "missing": int() as missing, "moments": moments, "sketch": sketch, **more}:
            opened_moments, opened_sketch = _opened_moments(moments), _opened_sketch(sketch)
            if opened_moments.count != opened_sketch.rows:
                raise ValueError(_NO_PROFILE)
            profile: ColumnProfile = NumberProfile(missing, opened_moments, opened_sketch)
        case {"kind": "categories", "missing": int() as missing, "categories": counts, **more}:
            profile = CategoryProfile(missing, _opened_counts(counts))
        case _:
            raise ValueError(_NO_PROFILE)
    if missing < 0 or more:
        raise ValueError(_NO_PROFILE)
    return profile


def _opened_moments(found: object) -> Moments:
    match found:
        case {
            "count": int() as count,
            "total": str() as total,
            "squares": str() as squares,
            "smallest": (float() | None) as smallest,
            "largest": (float() | None) as largest,
            **more,
        } if (
            not more
            and [each is not None and math.isfinite(each) for each in (smallest, largest)] == [count > 0] * 2
            and _FRACTION.fullmatch(total)
            and _FRACTION.fullmatch(squares)
        ):
            try:
                return Moments(count, Fraction(total), Fraction(squares), smallest, largest)
            except (ValueError, ZeroDivisionError):
                pass
    raise ValueError(_NO_PROFILE)


def _opened_sketch(found: object) -> NumberSketch:
    match found:
        case {"bits": int() as bits, "codes": list() as listed, "counts": list() as frequent, **more} if not more:
            codes, counts = (np.array(each, dtype=None if each else np.int64) for each in (listed, frequent))
            is_whole = codes.dtype == counts.dtype == np.int64 and codes.shape == counts.shape == (len(listed),)
            if is_whole and 0 <= bits <= ALL_BITS and (codes[1:] > codes[:-1]).all() and (counts > 0).all():
                return NumberSketch(bits, codes, counts)
    raise ValueError(_NO_PROFILE)


def _opened_counts(found: object) -> CategoryCounts:
    match found:
        case {"is_grouped": bool() as is_grouped, "counts": dict() as counts, **more} if not more:
            if all(type(count) is int and count > 0 for count in counts.values()):
                return CategoryCounts(is_grouped=is_grouped, counts=counts)
    raise ValueError(_NO_PROFILE)

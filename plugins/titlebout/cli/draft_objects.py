"""Objects of a bucket for `titlebout new`: which ones there are, and some rows of them."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from titlebout.cli.draft_origins import SAMPLED_BYTES, SAMPLED_ROWS, Look, spread_over
from titlebout.cli.life_signs import Tell
from titlebout.connection_fields import ConnectionFields, environment_connection
from titlebout.core.drafts.draft_paths import PathPattern, find_pattern, placed_template, prefix_of
from titlebout.core.drafts.draft_reading import sample_file
from titlebout.core.drafts.draft_rows import RawRows, Samples
from titlebout.core.drafts.draft_sample import Budget, FileSample
from titlebout.core.drafts.draft_spec import Origin
from titlebout.core.drafts.draft_yaml import Scalar
from titlebout.core.errors import ConnectionSettingsError, SpecError
from titlebout.core.specs.dataset_spec import FileFormat
from titlebout.core.specs.source_paths import PathTemplate, holds_rows
from titlebout.wiring import open_bucket

if TYPE_CHECKING:
    from titlebout.adapters.s3.s3_bucket import ListedObject, S3Bucket

CONN_ID = "titlebout_s3"
_SAMPLED_OBJECTS = 12
_TEXTS = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson")
_CUT_BYTES = 64 << 20


def look_at_objects(given: str, delimiter: str | None, tell: Tell) -> Look:
    """List the objects below a prefix and read some rows of them.

    Raises:
        SpecError: There are none, or their keys name no days.
        AccessRefusedError: The store refuses.
        UnavailableError: It does not answer.
    """
    name, _, prefix = given.removeprefix("s3://").partition("/")
    connection, remarks = _connection()
    bucket = open_bucket(name, connection)
    tell(f"listing {given}")
    template = placed_template(prefix, is_prefix=True)
    below = PathTemplate(prefix).before_place
    listed = [each for each in bucket.list_objects(below) if holds_rows(each.key, below)]
    if template:
        listed = [each for each in listed if template.key_of(each.key)]
    if not listed:
        message = f"{bucket.uri(below)}: there are no objects{' of a day' if template else ''}; correct the prefix"
        raise SpecError(message)
    found = _found(template, [each.key for each in listed])
    raw = _sampled(bucket, listed, found.keys, delimiter, tell)
    keys = tuple(sorted(set(found.keys)))
    source: dict[str, Scalar] = {
        "kind": "s3",
        "bucket": name,
        "prefix": found.pattern,
        "format": (raw.format or FileFormat.PARQUET).value,
    }
    if raw.format is FileFormat.CSV and raw.delimiter != ",":
        source["delimiter"] = raw.delimiter
    how = f"through the connection {CONN_ID}; {len(listed):,} objects name {len(keys):,} days, {keys[0]} to {keys[-1]}"
    return Look(raw, Origin(source, how, given), connection, keys, remarks=remarks)


def _found(template: PathTemplate | None, keys: Sequence[str]) -> PathPattern:
    """Return the prefix of a day's objects: the one that was given, or the one that they show."""
    if template:
        return PathPattern(template.text, tuple(str(template.key_of(key)) for key in keys))
    found = find_pattern(keys)
    if found is None:
        message = f"not every key names one day such as 2024-06-01 in the same place, as {keys[0]!r} shows; say where: "
        raise SpecError(message + "s3://bucket/prefix/{partition:%Y/%m/%d}/")
    return PathPattern(prefix_of(found.pattern), found.keys)


def _connection() -> tuple[ConnectionFields, list[str]]:
    try:
        return environment_connection(CONN_ID), []
    except ConnectionSettingsError as error:
        if "is not defined" not in str(error):
            raise
    remark = f"define the connection {CONN_ID}; without one the standard AWS credentials of this machine were used"
    return ConnectionFields(CONN_ID, "aws"), [remark]


def _sampled(
    bucket: "S3Bucket", listed: Sequence["ListedObject"], keys: Sequence[str], delimiter: str | None, tell: Tell
) -> RawRows:
    chosen = spread_over(len(listed), _SAMPLED_OBJECTS)
    budget = Budget(SAMPLED_BYTES // len(chosen), SAMPLED_ROWS // len(chosen))
    samples = Samples()
    for number, position in enumerate(chosen, start=1):
        where = bucket.uri(listed[position].key)
        tell(f"looking at object {number} of {len(chosen)}: {where}")
        samples.take(partial(_sample, bucket, listed[position], budget, delimiter), keys[position])
    return samples.rows(is_whole=len(chosen) == len(listed))


def _sample(bucket: "S3Bucket", listed: "ListedObject", budget: Budget, delimiter: str | None) -> FileSample:
    with tempfile.TemporaryFile(prefix="titlebout-draft-") as file:
        is_whole = _fetch(bucket, listed, file)
        sample = sample_file(file, bucket.uri(listed.key), budget, delimiter)
    return replace(sample, is_whole=sample.is_whole and is_whole)


def _fetch(bucket: "S3Bucket", listed: "ListedObject", file: BinaryIO) -> bool:
    """Copy an object, of a large text only the beginning; return whether that is all of it."""
    is_cut = listed.size_bytes > _CUT_BYTES and listed.key.endswith(_TEXTS)
    for chunk in bucket.chunks(listed.key, etag=listed.etag):
        if is_cut and file.tell() + len(chunk) > _CUT_BYTES:
            file.write(chunk[: chunk.rfind(b"\n") + 1])
            break
        file.write(chunk)
    file.seek(0)
    return not is_cut

"""Objects of a bucket for `titlebout new`: which ones there are, and some rows of them."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from titlebout.cli.draft_origins import SAMPLED_BYTES, SAMPLED_ROWS, Look, spread_over
from titlebout.cli.life_signs import Tell
from titlebout.connection_fields import ConnectionFields, environment_connection
from titlebout.core.drafts.draft_paths import find_pattern, prefix_of
from titlebout.core.drafts.draft_reading import sample_file
from titlebout.core.drafts.draft_rows import RawRows, Samples
from titlebout.core.drafts.draft_sample import Budget, FileSample
from titlebout.core.drafts.draft_spec import Origin
from titlebout.core.drafts.draft_yaml import Scalar
from titlebout.core.errors import ConnectionSettingsError, SpecError
from titlebout.core.specs.dataset_spec import FileFormat
from titlebout.core.specs.source_paths import PLACE, holds_rows
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
    below = prefix.partition(PLACE)[0]
    listed = [each for each in bucket.list_objects(below) if holds_rows(each.key, below)]
    if not listed:
        message = f"{bucket.uri(below)}: there are no objects; correct the prefix"
        raise SpecError(message)
    found = find_pattern([each.key for each in listed])
    if found is None:
        message = (
            f"{given}: not every key names one day such as 2024-06-01 in the same place, as {listed[0].key!r} shows"
        )
        raise SpecError(message)
    prefix = prefix if PLACE in prefix else prefix_of(found.pattern)
    raw = _sampled(bucket, listed, found.keys, delimiter, tell)
    keys = tuple(sorted(set(found.keys)))
    source: dict[str, Scalar] = {
        "kind": "s3",
        "bucket": name,
        "prefix": prefix,
        "format": (raw.format or FileFormat.PARQUET).value,
    }
    if raw.format is FileFormat.CSV and raw.delimiter != ",":
        source["delimiter"] = raw.delimiter
    how = f"through the connection {CONN_ID}; {len(listed):,} objects name {len(keys):,} days, {keys[0]} to {keys[-1]}"
    return Look(raw, Origin(source, how, given), connection, keys, remarks=remarks)


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

"""Raw rows in the objects below one S3 prefix per partition."""

import hashlib
from typing import TYPE_CHECKING

import pyarrow as pa

from titlebout.adapters.s3_bucket import ListedObject, ObjectChangedError, S3Bucket, S3Settings
from titlebout.core.dataset_spec import DatasetSection, S3Source
from titlebout.core.decoding import decode
from titlebout.core.errors import ObjectMissingError, PartitionMissingError, SpecError, UnavailableError
from titlebout.core.partitions import parse_key
from titlebout.core.ports import RawPartition

if TYPE_CHECKING:
    from titlebout.core.ports import PartitionSource

_ETAGS_SHOWN = 8


class S3SourceReader:
    """Read partitions of one data set from a bucket."""

    def __init__(self, dataset: DatasetSection, bucket: S3Bucket) -> None:
        """Take the section of the spec and its bucket.

        Raises:
            SpecError: The section describes another kind of source.
        """
        if not isinstance(dataset.source, S3Source):
            message = f"dataset.source: kind {dataset.source.kind!r} is not read from S3"
            raise SpecError(message)
        self._source = dataset.source
        self._columns = dataset.columns
        self._bucket = bucket

    def read(self, partition: str) -> RawPartition:
        """Return one partition's rows; see the port."""
        parse_key(partition)
        prefix = self._source.prefix.replace("{partition}", partition)
        listed = [found for found in self._bucket.list_objects(prefix) if _holds_rows(found, prefix)]
        if not listed:
            message = f"{self._bucket.uri(prefix)}: holds no object; deliver partition {partition}, then clear the task"
            raise PartitionMissingError(message)
        tables = [self._decoded(found) for found in listed]
        return RawPartition(pa.concat_tables(tables), self._bucket.uri(prefix), _etag(listed))

    def _decoded(self, listed: ListedObject) -> pa.Table:
        where = self._bucket.uri(listed.key)
        try:
            content = self._bucket.get(listed.key, etag=listed.etag)
        except (ObjectChangedError, ObjectMissingError) as error:
            message = f"{where}: was replaced or removed while it was read; clear the task when its delivery is done"
            raise UnavailableError(message) from error
        return decode(content, self._source.format, self._columns, self._source.delimiter, where)


def _holds_rows(listed: ListedObject, prefix: str) -> bool:
    """Whether it is data: writers leave folder markers, `_SUCCESS` and hidden objects beside it."""
    parts = listed.key.removeprefix(prefix).split("/")
    return bool(listed.key.rpartition("/")[-1]) and not any(part.startswith(("_", ".")) for part in parts)


def _etag(listed: list[ListedObject]) -> str:
    """Return the ETags of all objects, or the hash of the list where it grows long: it goes into the ledger."""
    etags = ",".join(found.etag for found in listed)
    return etags if len(listed) <= _ETAGS_SHOWN else f"sha256:{hashlib.sha256(etags.encode()).hexdigest()}"


if TYPE_CHECKING:

    def _proof(dataset: DatasetSection) -> PartitionSource:
        return S3SourceReader(dataset, S3Bucket("bucket", S3Settings()))

"""Raw rows in the objects below one S3 prefix per partition."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, BinaryIO

from titlebout.adapters.s3.s3_access import S3Settings
from titlebout.adapters.s3.s3_bucket import ListedObject, S3Bucket
from titlebout.adapters.s3.s3_copies import local_disk, write_object
from titlebout.adapters.s3.s3_faults import ObjectChangedError
from titlebout.core.errors import ObjectMissingError, PartitionMissingError, SpecError, UnavailableError
from titlebout.core.reading.decoding import SourceFile, decode_files
from titlebout.core.reading.raw_partition import RawPartition
from titlebout.core.specs.dataset_spec import DatasetSection, S3Source
from titlebout.core.specs.source_paths import PathTemplate, holds_rows

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
        self._dataset = dataset
        self._bucket = bucket
        self._template = PathTemplate(dataset.source.prefix, dataset.cadence, is_prefix=True)

    def read(self, partition: str) -> RawPartition:
        """Return one partition's rows; see the port."""
        prefix = self._template.of(partition)
        listed = [found for found in self._bucket.list_objects(prefix) if holds_rows(found.key, prefix)]
        if not listed:
            message = f"{self._bucket.uri(prefix)}: holds no object; deliver partition {partition}, then clear the task"
            raise PartitionMissingError(message)
        batches = decode_files(self._opened(listed), self._dataset, partition)
        return RawPartition(batches, self._bucket.uri(prefix), _etag(listed))

    def _opened(self, listed: list[ListedObject]) -> Iterator[SourceFile]:
        for found in listed:
            with closing(self._fetched(found)) as file:
                yield SourceFile(file, self._bucket.uri(found.key))

    def _fetched(self, listed: ListedObject) -> BinaryIO:
        """Return a local copy, open at its first byte. Its file has no name: a killed process leaves nothing."""
        with local_disk():
            file = tempfile.TemporaryFile(prefix="titlebout-source-")  # noqa: SIM115  # whoever reads it closes it
            try:
                self._fill(file, listed)
            except BaseException:
                file.close()
                raise
        return file

    def _fill(self, file: BinaryIO, listed: ListedObject) -> None:
        where = self._bucket.uri(listed.key)
        try:
            write_object(self._bucket, listed.key, file, etag=listed.etag)
        except (ObjectChangedError, ObjectMissingError) as error:
            message = f"{where}: was replaced or removed while it was read; clear the task when its delivery is done"
            raise UnavailableError(message) from error
        size_bytes = file.tell()
        file.seek(0)
        if size_bytes != listed.size_bytes:
            message = f"{where}: {size_bytes} of {listed.size_bytes} bytes came; look after the store, clear the task"
            raise UnavailableError(message)


def _etag(listed: list[ListedObject]) -> str:
    """Return the ETags of all objects, or the hash of the list where it grows long: it goes into the ledger."""
    etags = ",".join(found.etag for found in listed)
    return etags if len(listed) <= _ETAGS_SHOWN else f"sha256:{hashlib.sha256(etags.encode()).hexdigest()}"


if TYPE_CHECKING:

    def _proof(dataset: DatasetSection) -> PartitionSource:
        return S3SourceReader(dataset, S3Bucket("bucket", S3Settings()))

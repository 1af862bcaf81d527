"""A source in memory: passes the contract suite of the real ones."""

import hashlib
import io

import pyarrow as pa
import pyarrow.csv as arrow_csv

from titlebout.core.errors import PartitionMissingError, TitleboutError
from titlebout.core.partitions import parse_key
from titlebout.core.reading.decoding import SourceFile, decode_files
from titlebout.core.reading.raw_partition import RawPartition
from titlebout.core.specs.dataset_spec import DatasetSection


class MemorySource:
    """CSV files in a dictionary, one per key; `errors` make the next reads of a key fail."""

    def __init__(self, dataset: DatasetSection) -> None:
        self.files: dict[str, bytes] = {}
        self.errors: dict[str, TitleboutError] = {}
        self.reads: list[str] = []
        self._dataset = dataset

    def put(self, partition: str, table: pa.Table) -> None:
        sink = io.BytesIO()
        arrow_csv.write_csv(table, sink)
        self.files[partition] = sink.getvalue()

    def read(self, partition: str) -> RawPartition:
        parse_key(partition)
        self.reads.append(partition)
        if partition in self.errors:
            raise self.errors[partition]
        uri = f"memory:///{partition}.csv"
        if partition not in self.files:
            message = f"{uri}: there is no such file"
            raise PartitionMissingError(message)
        content = self.files[partition]
        batches = decode_files([SourceFile(io.BytesIO(content), uri)], self._dataset, partition)
        return RawPartition(batches, uri, hashlib.sha256(content).hexdigest())

"""A source in memory: passes the contract suite of the real ones."""

import hashlib

from titlebout.core.dataset_spec import DatasetSection
from titlebout.core.decoding import decode
from titlebout.core.errors import PartitionMissingError
from titlebout.core.partitions import parse_key
from titlebout.core.ports import RawPartition


class MemorySource:
    """One file per day in a dictionary; `deliveries` is open to tests, `asked` tells what was read in which order.

    A delivery may be an error, which is raised instead of being read.
    """

    def __init__(self, dataset: DatasetSection) -> None:
        self.deliveries: dict[str, bytes | Exception] = {}
        self.asked: list[str] = []
        self._dataset = dataset

    def read(self, partition: str) -> RawPartition:
        parse_key(partition)
        self.asked.append(partition)
        uri = f"memory:///{partition}"
        found = self.deliveries.get(partition)
        if found is None:
            message = f"{uri}: nothing was delivered"
            raise PartitionMissingError(message)
        if isinstance(found, Exception):
            raise found
        source, columns = self._dataset.source, self._dataset.columns
        table = decode(found, source.format, columns, source.delimiter, uri)
        return RawPartition(table, uri, f"sha256:{hashlib.sha256(found).hexdigest()}")

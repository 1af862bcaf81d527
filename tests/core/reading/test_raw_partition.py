"""A partition on its way: read once, closed always."""

from collections.abc import Iterator

import pyarrow as pa
import pytest

from titlebout.core.errors import PartitionEmptyError
from titlebout.core.reading.raw_partition import RawPartition

BATCH = pa.record_batch({"a": [1, 2]})


class Stream:
    def __init__(self) -> None:
        self.is_open = False

    def batches(self) -> Iterator[pa.RecordBatch]:
        self.is_open = True
        try:
            yield BATCH
            yield BATCH
        finally:
            self.is_open = False


def test_all_rows_can_be_read_at_once_and_the_source_is_closed():
    stream = Stream()
    assert RawPartition(stream.batches(), "memory:///x").read_all().num_rows == 4
    assert not stream.is_open


def test_who_stops_reading_closes_the_source():
    stream = Stream()
    with RawPartition(stream.batches(), "memory:///x") as raw:
        next(raw.batches)
        assert stream.is_open
    assert not stream.is_open
    raw.close()


def test_an_iterator_that_cannot_be_closed_is_fine():
    with RawPartition(iter([BATCH]), "memory:///x") as raw:
        assert raw.read_all().num_rows == 2


def test_no_batch_at_all_is_an_empty_partition():
    with pytest.raises(PartitionEmptyError, match=r"memory:///x: is empty; deliver its rows"):
        RawPartition(iter(()), "memory:///x").read_all()

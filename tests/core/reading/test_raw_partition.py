"""A partition on its way: read once, closed always."""

from collections.abc import Iterator

import pyarrow as pa

from fakes.whole_tables import all_rows
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


def test_who_stops_reading_closes_the_source():
    stream = Stream()
    with RawPartition(stream.batches(), "memory:///x") as raw:
        next(raw.batches)
        assert stream.is_open
    assert not stream.is_open
    raw.close()


def test_an_iterator_that_cannot_be_closed_is_fine():
    with RawPartition(iter([BATCH]), "memory:///x") as raw:
        assert all_rows(raw).num_rows == 2

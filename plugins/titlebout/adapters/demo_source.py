"""Generated rows: a source that needs neither files nor a connection."""

import functools
from typing import TYPE_CHECKING

import pyarrow as pa

from titlebout.core.demand_generator import DAYS, FIRST_DAY, ROWS_PER_DAY, Measurements, generate
from titlebout.core.errors import PartitionMissingError, SpecError
from titlebout.core.partitions import parse_key
from titlebout.core.reading.casting import cast_table
from titlebout.core.reading.derivations import with_derived
from titlebout.core.reading.raw_partition import RawPartition
from titlebout.core.specs.dataset_spec import DatasetSection, DemoSource

if TYPE_CHECKING:
    from titlebout.core.ports import PartitionSource


class DemoSourceReader:
    """Make the rows of a day: for the same seed the same ones, whatever was asked before."""

    def __init__(self, dataset: DatasetSection) -> None:
        """Take the section of the spec.

        Raises:
            SpecError: The section describes another kind of source.
        """
        if not isinstance(dataset.source, DemoSource):
            message = f"dataset.source: kind {dataset.source.kind!r} is not generated"
            raise SpecError(message)
        self._seed = dataset.source.seed
        self._dataset = dataset

    def read(self, partition: str) -> RawPartition:
        """Return one partition's rows; see the port."""
        number = (parse_key(partition) - FIRST_DAY).days
        uri = f"demo://demand/seed={self._seed}/{partition}"
        if number < 0:
            message = f"{uri}: the generated data begins on {FIRST_DAY}; set dataset.first_partition to that day"
            raise PartitionMissingError(message)
        period, day = divmod(number, DAYS)
        rows = _four_years(self._seed, period).take(slice(day * ROWS_PER_DAY, (day + 1) * ROWS_PER_DAY))
        delivered = rows.columns() | {"hour": rows.hour.astype("datetime64[us]")}  # Arrow knows no hours
        table = pa.table({name: pa.array(values, from_pandas=True) for name, values in delivered.items()})
        cast = cast_table(table, self._dataset.columns, uri)
        return RawPartition(with_derived(cast.to_batches(), self._dataset, partition), uri, f"seed:{self._seed}")


@functools.lru_cache(maxsize=2)
def _four_years(seed: int, period: int) -> Measurements:
    """Keep what takes a tenth of a second: a run asks for its days one by one, in any order."""
    return generate(seed, period)


if TYPE_CHECKING:

    def _proof(dataset: DatasetSection) -> PartitionSource:
        return DemoSourceReader(dataset)

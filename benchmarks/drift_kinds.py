"""What benchmarks/drift.py measures: each kind is a process of its own, which imports what that kind uses and no more.

python benchmarks/drift_kinds.py KIND REFERENCE CURRENT
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a kind must not pay for what another one uses
    from titlebout.core.drifting.partition_profile import ProfileQuestion

COLUMNS = [f"number_{n}" for n in range(20)]
ROWS_PER_GROUP = 1 << 17


def scan(_: Path, current: Path) -> None:
    """Read the file and do nothing with it: row groups on as many threads as there are cores, as batches of rows."""
    from concurrent.futures import ThreadPoolExecutor

    import pyarrow.parquet as pq

    count, workers = pq.read_metadata(current).num_row_groups, os.cpu_count() or 1

    def read(first: int) -> None:
        with pq.ParquetFile(current) as file:
            for group in range(first, count, workers):
                for _batch in file.iter_batches(ROWS_PER_GROUP, [group], use_threads=False):
                    pass

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(read, range(workers)))


def scan_by_column(_: Path, current: Path) -> None:
    """Read the same a column at a time: the fastest way that was found, and the one that profiles are made on."""
    from concurrent.futures import ThreadPoolExecutor

    import pyarrow.parquet as pq

    metadata, workers = pq.read_metadata(current), os.cpu_count() or 1

    def read(first: int) -> None:
        with pq.ParquetFile(current, metadata=metadata, pre_buffer=False) as file:
            for group in range(first, metadata.num_row_groups, workers):
                for name in COLUMNS:
                    for _batch in file.iter_batches(ROWS_PER_GROUP, [group], columns=[name], use_threads=False):
                        pass

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(read, range(workers)))


def imports(_: Path, __: Path) -> None:
    """Import what the measurement imports, and read nothing: an Airflow task has most of it already."""
    import pyarrow.parquet  # noqa: F401

    import titlebout.core.drifting.distances
    import titlebout.core.drifting.parquet_profile
    import titlebout.core.drifting.profile_documents  # noqa: F401


def titlebout(reference: Path, current: Path) -> None:
    """Profile the new rows, and hold them against the stored profile of the reference."""
    from titlebout.core.drifting.bins import NumberBins
    from titlebout.core.drifting.column_profile import NumberProfile
    from titlebout.core.drifting.distances import (
        jensen_shannon,
        kolmogorov_smirnov,
        population_stability,
        share_test,
        wasserstein,
    )
    from titlebout.core.drifting.parquet_profile import profile_parquet
    from titlebout.core.drifting.profile_documents import SnapshotProfile

    asked = question()
    stored = SnapshotProfile.opened(reference.with_suffix(".json").read_bytes(), asked, "0" * 64)
    profile = profile_parquet(asked, current, threads=os.cpu_count() or 1)
    assert stored is not None
    for name in COLUMNS:
        old, new = stored.columns[name], profile.columns[name]
        assert isinstance(old, NumberProfile)
        assert isinstance(new, NumberProfile)
        bins = NumberBins.of(old)
        counts = bins.count(new), bins.count(old)
        found = [population_stability(*counts), jensen_shannon(*counts)]
        found += [kolmogorov_smirnov(new.sketch, old.sketch), wasserstein(new.sketch, old.sketch)]
        found.append(share_test(new.missing, profile.rows, old.missing, stored.rows).p_value)
        assert len(found) == 5


def scipy_loop(reference: Path, current: Path) -> None:
    """Do what most scripts do: one test and one distance for each column, on all rows."""
    import pyarrow.parquet as pq
    from scipy import stats

    old, new = pq.read_table(reference), pq.read_table(current)
    for name in COLUMNS:
        pair = new[name].to_numpy(), old[name].to_numpy()
        stats.ks_2samp(*pair, method="asymp")
        stats.wasserstein_distance(*pair)


def evidently(reference: Path, current: Path) -> None:
    """Run the preset."""
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset

    old, new = pd.read_parquet(reference), pd.read_parquet(current)
    Report([DataDriftPreset()]).run(new, old).dict()


def nannyml(reference: Path, current: Path) -> None:
    """Run the univariate calculator with its default methods."""
    import nannyml as nml
    import pandas as pd

    old, new = pd.read_parquet(reference), pd.read_parquet(current)
    calculator = nml.UnivariateDriftCalculator(column_names=COLUMNS, chunk_number=1)
    calculator.fit(old)
    calculator.calculate(new)


def write_reference(reference: Path, rows: Path) -> None:
    """Write the reference, of as many rows as the other path is called, and store its profile."""
    write_rows(reference, int(rows.name), 1)
    store_profile(reference)


def write_current(current: Path, rows: Path) -> None:
    """Write new rows. In a process of its own, too: a child counts its parent's memory as its own at first."""
    write_rows(current, int(rows.name), 2)


def question() -> "ProfileQuestion":
    """Return which columns are profiled."""
    from titlebout.core.drifting.partition_profile import ProfiledColumn, ProfileQuestion
    from titlebout.core.specs.column_type import ColumnType

    return ProfileQuestion(columns=dict.fromkeys(COLUMNS, ProfiledColumn(ColumnType.NUMBER, "numbers")))


def write_rows(path: Path, rows: int, seed: int) -> None:
    """Write normal numbers, a row group at a time."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(seed)
    with pq.ParquetWriter(path, pa.schema([(name, pa.float64()) for name in COLUMNS])) as writer:
        for start in range(0, rows, ROWS_PER_GROUP):
            count = min(ROWS_PER_GROUP, rows - start)
            writer.write_table(pa.table({name: rng.normal(size=count) for name in COLUMNS}), ROWS_PER_GROUP)


def store_profile(reference: Path) -> None:
    """Make the reference's profile, as training time would."""
    from titlebout.core.drifting.parquet_profile import profile_parquet
    from titlebout.core.drifting.profile_documents import SnapshotProfile

    asked = question()
    profile = profile_parquet(asked, reference, threads=os.cpu_count() or 1)
    kept = SnapshotProfile(data_sha256="0" * 64, question=asked, profile=profile)
    reference.with_suffix(".json").write_bytes(kept.document())


KINDS = {
    each.__name__: each
    for each in (
        write_reference,
        write_current,
        scan,
        scan_by_column,
        imports,
        titlebout,
        scipy_loop,
        evidently,
        nannyml,
    )
}

if __name__ == "__main__":
    KINDS[sys.argv[1]](*map(Path, sys.argv[2:]))

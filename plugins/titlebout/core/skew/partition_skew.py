"""Compares the features that the inference log holds with the delivered ones, for one partition."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from titlebout.core.features import FeaturePlan
from titlebout.core.predictor import Predictor
from titlebout.core.results import PartitionKey
from titlebout.core.skew.compared_column import ColumnsOfLog, ComparedColumn, NotComparableError
from titlebout.core.skew.field_differences import ComparedValues, Pairs, compare_field, examples_of
from titlebout.core.skew.joined_rows import JoinedRows, joined
from titlebout.core.skew.skew_report import FieldSkew, PartitionSkew
from titlebout.core.specs.dataset_spec import ColumnType

Versions = Callable[[str], Predictor | None]
"""Loads a version by its name; None where it cannot be had."""
WithHistory = Callable[[pa.Table, FeaturePlan], pa.Table]
"""Adds to rows of the partition the history features as training would make them."""


@dataclass(frozen=True)
class FeatureComparison:
    """Compares the features of the log's rows that speak of one partition with its snapshot."""

    partition: PartitionKey
    columns: ColumnsOfLog
    versions: Versions
    with_history: WithHistory

    def skew(self) -> PartitionSkew:
        """Return what differs; a note where nothing can be compared."""
        log = self.columns.log
        counted = pc.value_counts(log["version"])
        seen = PartitionSkew(
            partition=self.partition,
            logged_rows=log.num_rows,
            versions={each["values"].as_py(): each["counts"].as_py() for each in counted},
        )
        if not log.num_rows:
            return seen.model_copy(update={"note": "no row of the log speaks of it"})
        try:
            keys = {name: self.columns.compared(name) for name in self.columns.spec.dataset.key_columns}
        except NotComparableError as error:
            note = f"the rows of the log have no key: {error.column} {error}"
            return seen.model_copy(update={"note": note})
        found = joined([*keys.values()])
        answered_by = log["version"].take(pa.array(found.logged))
        fields, not_compared = self._fields(found, keys, answered_by)
        return seen.model_copy(
            update={
                "compared_rows": len(found.logged),
                "unknown_rows": found.unknown,
                "ambiguous_rows": found.ambiguous,
                "keyless_rows": found.keyless,
                "repeated_rows": found.repeated,
                "fields": (*fields, *self._history(found, answered_by)),
                "not_compared": not_compared,
                "note": "" if len(found.logged) else "no row of the log has a key that was delivered once",
            }
        )

    def _fields(
        self, found: JoinedRows, keys: Mapping[str, ComparedColumn], answered_by: pa.ChunkedArray
    ) -> tuple[list[FieldSkew], dict[str, str]]:
        fields, not_compared = list[FieldSkew](), dict[str, str]()
        plans = {version: self._plan(version) for version in pc.unique(answered_by).to_pylist()}
        request_ids = self.columns.log["request_id"].to_pylist() if len(found.logged) else []
        for name in self.columns.spec.training.features.columns:
            if name in keys:
                continue  # equal, as they were joined by it
            try:
                column = self.columns.compared(name)
            except NotComparableError as error:
                not_compared[name] = str(error)
                continue
            # The requests of a version without that field hold none.
            having = [version for version, plan in plans.items() if plan is None or name in plan.fields]
            kept = pc.is_in(answered_by, value_set=pa.array(having, pa.string())).to_numpy()
            pairs = Pairs(found.logged[kept], found.delivered[kept])
            if not len(pairs.logged):
                continue
            plan = next((plans[version] for version in having if plans[version]), None)
            values = ComparedValues(column, pairs)
            field = compare_field(values, plan)
            examples = examples_of(values, pairs, keys, request_ids)
            fields.append(field.model_copy(update={"examples": examples}))
        return fields, not_compared

    def _plan(self, version: str) -> FeaturePlan | None:
        predictor = self.versions(version)
        return predictor.plan if predictor else None

    def _history(self, found: JoinedRows, answered_by: pa.ChunkedArray) -> Iterator[FieldSkew]:
        """Yield how far the history features of the server are from those that training would make of today's data."""
        for version in sorted(pc.unique(answered_by).to_pylist()):
            plan = self._plan(version)
            if plan is None or not plan.history:
                continue
            of_version = pc.equal(answered_by, version).to_numpy()
            rows = self.columns.rows.take(pa.array(found.delivered[of_version]))
            served, fresh = plan.as_served(rows), self.with_history(rows, plan)
            everywhere = np.arange(rows.num_rows)
            for name in plan.history:
                both = ComparedColumn(name, ColumnType.NUMBER, served[name], fresh[name], is_hash=False)
                field = compare_field(ComparedValues(both, Pairs(everywhere, everywhere)), None)
                yield field.model_copy(update={"is_history": True})

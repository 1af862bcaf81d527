"""Finds in the inference log which group answered which request during a trial of strategy ab."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from titlebout.core.inference_log.log_tables import FIELD_PREFIX, SCHEMA
from titlebout.core.live_trials.share import STICKY_KINDS, is_in_share
from titlebout.core.live_trials.trial import Trial
from titlebout.core.live_trials.trial_wire import salt_of
from titlebout.core.release_roles import ReleaseRole
from titlebout.core.specs.split_spec import SplitRules

UNIT, BY_CANDIDATE, PLACE, TIME, SCORE = "unit", "by_candidate", "place", "time", "score"
_REQUEST = ["server", "number"]


def key_name(column: str) -> str:
    """Return how a column to join by is called here: those of the data may bear any name."""
    return f"key_{column}"


@dataclass(frozen=True)
class LoggedPart:
    """What one partition of the log holds of a trial.

    Attributes:
        rows: A row for each answered row that can be joined, in the order of time.
        mixed_requests: Requests with rows of several keys of `sticky_by`: whoever they are of, the champion answers
            them, so they count in neither group.
        unjoinable_rows: Rows that no outcome can belong to: a part of the key is missing.
    """

    rows: pa.Table
    mixed_requests: int
    unjoinable_rows: int


def logged_part(log: pa.Table, trial: Trial, rules: SplitRules, types: Mapping[str, pa.DataType]) -> LoggedPart:
    """Return the answers of a trial among the rows of a partition of the log.

    Nobody was given what a shadow scored. A server that was not told of the trial's end ends it by itself in time.

    Args:
        log: As `read_inference_log` returns it.
        trial: The trial.
        rules: What decides it.
        types: Of the columns to join by, as snapshots have them.
    """
    by_candidate = _answered(log, ReleaseRole.CANDIDATE, trial.token)
    is_part = pc.or_(by_candidate, _answered(log, ReleaseRole.CHAMPION, trial.champion_token))
    in_time = pc.less(log[TIME], pa.scalar(trial.step_ends_at, SCHEMA.field(TIME).type))
    rows = log.append_column(BY_CANDIDATE, by_candidate).filter(pc.and_(is_part, in_time))
    unit = rows["request_id"] if rules.sticky_by is None else _field(rows, rules.sticky_by, pa.string())
    rows = rows.append_column(UNIT, pc.fill_null(unit, ""))
    mixed = _requests_with_several(rows, UNIT) if rules.sticky_by else rows.slice(0, 0).select(_REQUEST)
    rows = _without(rows, mixed)
    # The outcome of a request says nothing of the error in one of its rows.
    ambiguous = rules.request_id_column is not None and rules.metric is not None
    single = _without(rows, _requests_with_several(rows, "row")) if ambiguous else rows
    for column in rules.join_columns:
        is_id = column == rules.request_id_column
        single = single.append_column(
            key_name(column), single["request_id"] if is_id else _field(single, column, types[column])
        )
    keys = [key_name(column) for column in rules.join_columns]
    joinable = single.filter(_all_present(single, keys)).select([*keys, UNIT, BY_CANDIDATE, TIME, SCORE, "row"])
    ordered = joinable.sort_by([(TIME, "ascending"), ("row", "ascending")])
    return LoggedPart(ordered, mixed.num_rows, rows.num_rows - joinable.num_rows)


@dataclass(frozen=True)
class SplitAnswers:
    """The answers of a trial, one for each key that an outcome may have, in the order of time.

    Attributes:
        rows: Columns of the key, `unit` (dictionary), `by_candidate`, `time`, `score` and `place`, the row's number.
        candidate_units: Units that the candidate has answered.
        champion_units: Units that only the champion has answered.
        group_of_unit: Name of a unit to whether it belongs to the candidate.
        rows_of_champion: Rows that it answered.
        rows_of_candidate: Rows that it answered.
        asked_again: Rows that were asked for once more; the first answer counts.
    """

    rows: pa.Table
    candidate_units: int
    champion_units: int
    group_of_unit: Mapping[str, bool]
    rows_of_champion: int
    rows_of_candidate: int
    asked_again: int


def split_answers(parts: Sequence[pa.Table], trial: Trial, rules: SplitRules) -> SplitAnswers | None:
    """Put the partitions of the log together; None where the candidate has answered nothing that can be joined.

    The trial counts from the candidate's first answer on, without it: before, all were the champion's.
    """
    rows = pa.concat_tables(parts)
    first = pc.min(rows.filter(rows[BY_CANDIDATE])[TIME])
    if not first.is_valid:
        return None
    rows = rows.filter(pc.greater(rows[TIME], first))
    seen = rows.group_by(UNIT).aggregate([(BY_CANDIDATE, "any")])
    answered = dict(zip(seen[UNIT].to_pylist(), seen[f"{BY_CANDIDATE}_any"].to_pylist(), strict=True))
    rows = rows.append_column(PLACE, pa.array(range(rows.num_rows), pa.int64()))
    keys = [key_name(column) for column in rules.join_columns]
    kept = rows.group_by(keys).aggregate([(PLACE, "min")])[f"{PLACE}_min"]
    firsts = rows.take(kept).sort_by(PLACE)
    by_candidate = int(pc.sum(rows[BY_CANDIDATE]).as_py() or 0)
    return SplitAnswers(
        rows=firsts,
        candidate_units=sum(answered.values()),
        champion_units=len(answered) - sum(answered.values()),
        group_of_unit=_groups(answered, trial, rules),
        rows_of_champion=rows.num_rows - by_candidate,
        rows_of_candidate=by_candidate,
        asked_again=rows.num_rows - firsts.num_rows,
    )


def _groups(answered: Mapping[str, bool], trial: Trial, rules: SplitRules) -> dict[str, bool]:
    """Return which units are the candidate's: also those that it failed and the champion answered.

    Otherwise what a candidate cannot do would drop out of what it is judged by. A share is computed anew. Of a customer
    the log may hold a hash, or another spelling than the server was sent: then the share of those whom the candidate
    did answer comes out wrong, and who was answered has to do.
    """
    salt = salt_of(trial.model, trial.token)
    for kind in ("",) if rules.sticky_by is None else STICKY_KINDS:
        dealt = {unit: is_in_share(f"{kind}{unit}", salt, trial.percent) for unit in answered}
        if rules.sticky_by is None or all(dealt[unit] for unit, by_it in answered.items() if by_it and unit):
            return {unit: by_it or dealt[unit] for unit, by_it in answered.items()}
    return dict(answered)


def _answered(log: pa.Table, role: ReleaseRole, token: int) -> pa.ChunkedArray:
    return pc.and_(pc.equal(log["role"], role.value), pc.equal(log["token"], token))


def _field(rows: pa.Table, column: str, kind: pa.DataType) -> pa.ChunkedArray:
    """Return what was sent in a field; null where nothing was logged, or what is no value of its type."""
    name = f"{FIELD_PREFIX}{column}"
    if name not in rows.column_names:
        return pa.chunked_array([pa.nulls(rows.num_rows, kind)])
    try:
        return rows[name].cast(kind)
    except pa.ArrowException:  # the type of the column changed within the partition, so the log has texts
        return pa.chunked_array([pa.nulls(rows.num_rows, kind)])


def _requests_with_several(rows: pa.Table, column: str) -> pa.Table:
    """Return the requests whose rows differ in a column."""
    counted = rows.group_by(_REQUEST).aggregate([(column, "count_distinct")])
    return counted.filter(pc.greater(counted[f"{column}_count_distinct"], 1)).select(_REQUEST)


def _without(rows: pa.Table, requests: pa.Table) -> pa.Table:
    # A join does not carry lists, and scores of several classes are one; nobody needs them here.
    plain = rows.drop_columns(["scores"]) if "scores" in rows.column_names else rows
    return plain.join(requests, _REQUEST, join_type="left anti") if requests.num_rows else plain


def _all_present(rows: pa.Table, keys: Sequence[str]) -> pa.ChunkedArray:
    found = pc.is_valid(rows[keys[0]])
    for key in keys[1:]:
        found = pc.and_(found, pc.is_valid(rows[key]))
    return found

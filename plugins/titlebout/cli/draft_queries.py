"""Tables and queries for `titlebout new`: some rows, and the query of one day that a spec needs."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from titlebout.cli.draft_origins import Look
from titlebout.cli.life_signs import Tell
from titlebout.connection_fields import environment_connection
from titlebout.core.drafts.draft_model import ModelDraft
from titlebout.core.drafts.draft_rows import Part, RawRows
from titlebout.core.drafts.draft_spec import Origin
from titlebout.core.errors import SpecError
from titlebout.core.reading.partition_query import PartitionQuery, parse_query
from titlebout.core.reading.query_rows import batch_of_rows
from titlebout.core.specs.dataset_spec import ColumnType, DatasetSection
from titlebout.wiring import open_preview

if TYPE_CHECKING:
    from titlebout.adapters.databases.sql_preview import SqlPreview

_ROWS = 50_000


def look_at_query(name: str, given: str, tell: Tell) -> Look:
    """Read the first rows of a table or query: `sql:<connection>:<table or query>`.

    Raises:
        SpecError: It is not written so, or the database refuses the query.
        ConnectionSettingsError: The connection is not defined.
    """
    _, conn_id, text = (*given.split(":", 2), "", "")[:3]
    if not conn_id or not text.strip():
        message = f"--from {given!r}: write sql:<connection>:<table or query>"
        raise SpecError(message)
    connection = environment_connection(conn_id)
    preview = open_preview(connection)
    query = text.strip().rstrip(";") if " " in text.strip() else _table(preview, text.strip())
    # Nothing is run that a source would refuse; the condition stands for the one that is drafted later.
    wrapped = f"SELECT * FROM ({query}) AS source_rows WHERE '' = :partition"  # noqa: S608  # parsed in the next line
    probe = parse_query(name, wrapped, f"--from {given!r}")
    runnable = probe.escaped.removeprefix("SELECT * FROM (").rpartition(") AS source_rows")[0]
    tell(f"asking {conn_id} for the first {_ROWS:,} rows")
    names, rows = preview.rows(runnable, _ROWS)
    if not rows:
        message = f"{given}: the query has no rows; give one that has"
        raise SpecError(message)
    table = _texts(names, rows, given)
    raw = RawRows(table, [Part(given, None, table.num_rows)], is_whole=len(rows) < _ROWS)
    source = {"kind": "sql", "query": name, "conn_id": conn_id}
    return Look(
        raw,
        Origin(source, f"the query lies in include/sql/{name}.sql; it is asked for one day at a time", given),
        connection,
        query_of=lambda model, draft: _query(model, draft, query, preview),
        span_of=lambda column: _span(preview, runnable, column),
    )


def _table(preview: "SqlPreview", name: str) -> str:
    quoted = ".".join(preview.quoted(part) for part in name.split("."))
    return f"SELECT * FROM {quoted}"  # noqa: S608  # each part is quoted by the database's own rules


def _texts(names: list[str], rows: Sequence[Sequence[object]], where: str) -> pa.Table:
    """Bring whatever the driver returns into texts: their types are then found as those of a file."""
    section = DatasetSection.model_validate(
        {
            "source": {"kind": "sql", "query": "preview"},
            "columns": dict.fromkeys([*names, *([] if len(names) > 1 else [" "])], ColumnType.TEXT),
            "time_column": names[0],
            "key_columns": [names[0]],
            "target": names[0],
            "first_partition": date(2000, 1, 1),
        }
    )
    padded = rows if len(names) > 1 else [(*row, None) for row in rows]
    batch = batch_of_rows(padded, list(section.columns), section, where)
    return pa.Table.from_batches([batch]).select(names)


def _span(preview: "SqlPreview", query: str, column: str) -> tuple[date, date]:
    try:
        least, most = (_day(value) for value in preview.span(query, column))
    except ValueError:
        message = f"the texts of {column!r} are not ISO dates, so no query finds a day among them: cast it in the query"
        raise SpecError(message) from None
    return least, most


def _day(value: object) -> date:
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).date()
    return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])


def _query(model: str, draft: ModelDraft, query: str, preview: "SqlPreview") -> PartitionQuery:
    """Write the query of one day: only columns that are read, bounded by the time column."""
    names = [name for name in draft.typed.readings if name not in draft.unread]
    columns = ",\n    ".join(preview.quoted(name) for name in names)
    time = preview.quoted(draft.time.column)
    if draft.typed.readings[draft.time.column].kind is ColumnType.DATE:
        # SQLite has no dates: they are texts there.
        condition = f"{time} = {':partition' if preview.dialect == 'sqlite' else ':day'}"
    else:
        condition = f"{time} >= :start AND {time} < :end"
    text = (
        f"-- Drafted by `titlebout new`: the rows of one day.\nSELECT\n    {columns}\n"
        f"FROM (\n    {query}\n) AS source_rows\nWHERE {condition}\n"
    )
    return parse_query(model, text, f"the query drafted for {model}")

"""`/invocations` as MLflow's scoring server speaks it: four forms in JSON, and CSV.

Source: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally (accepted payload formats). Unlike MLflow's,
this server refuses columns that the model does not know, and never guesses a type. As there, NaN in JSON is a missing
value: pandas has no other word for it, and MLflow's client sends what pandas says.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import islice

from pydantic import JsonValue
from starlette.responses import Response

from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.serving.questions import (
    JsonAnswer,
    Question,
    Row,
    Scores,
    Sent,
    Unseen,
    checked_rows,
    named,
    refuse_too_many,
    transposed,
)
from titlebout.serving.request_body import RefusedRequestError, parse_json

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
OTHER_HEADER = "x-titlebout-other"
MOST_NAMED = 20
"""Clients refuse long headers: so many places are named, all are counted."""
_FLAGS = {"true": True, "false": False}


def invocations(sent: Sent) -> Question:
    """Read one of MLflow's forms; the answer is `{"predictions": […]}`, with *other* categories in a header.

    Raises:
        RefusedRequestError: It is in none of the forms.
    """
    kind = sent.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind == "text/csv":
        return Question(_csv_rows(sent), _answer)
    if kind != "application/json":
        raise RefusedRequestError(415, f"content type {kind[:60]!r}; send application/json or text/csv")
    return Question(_json_rows(sent), _answer)


def _answer(scores: Scores, unseen: Sequence[Unseen]) -> Response:
    answer = JsonAnswer({"predictions": scores.tolist()})
    if unseen:  # MLflow's clients read one key of the body, so it stands beside it
        found = {"count": len(unseen), "first": named(unseen[:MOST_NAMED])}
        answer.headers[OTHER_HEADER] = json.dumps(found, separators=(",", ":"))
    return answer


def _json_rows(sent: Sent) -> list[Row]:
    document = parse_json(sent.body, nan_is_missing=True)
    if not isinstance(document, dict):
        raise RefusedRequestError(422, f"send an object with one of the keys {', '.join(FORMS)}")
    if document.pop("params", None):
        raise RefusedRequestError(422, "this model takes no params; leave them out", field="params")
    if len(document) != 1 or next(iter(document)) not in FORMS:
        found = ", ".join(document)[:100] or "none"
        raise RefusedRequestError(422, f"send exactly one of the keys {', '.join(FORMS)}; found {found}")
    form, content = next(iter(document.items()))
    if form == "dataframe_split":
        return _split_rows(content, sent.max_rows)
    if form != "dataframe_records" and isinstance(content, dict):
        return transposed(_as_columns(content, form), form, sent.max_rows)
    return [*checked_rows(content, form, sent.max_rows)]


def _split_rows(content: JsonValue, max_rows: int) -> list[Row]:
    """Read `{"columns": […], "data": [[…], …]}`; an `index` changes nothing."""
    where = "dataframe_split"
    if not isinstance(content, dict) or not {"columns", "data"} <= content.keys() <= {"columns", "data", "index"}:
        raise RefusedRequestError(422, '{"columns": […], "data": [[…], …]} is expected', field=where)
    names, data = content["columns"], content["data"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RefusedRequestError(422, "'columns' must be a list of names", field=where)
    columns = [str(name) for name in names]
    if len(set(columns)) < len(columns):
        raise RefusedRequestError(422, "'columns' names a field twice", field=where)
    if not isinstance(data, list) or not data:
        raise RefusedRequestError(422, "'data' must be a list of at least one row", field=where)
    refuse_too_many(len(data), where, max_rows)
    rows: list[Row] = []
    for index, values in enumerate(data):
        if not isinstance(values, list) or len(values) != len(columns):
            raise RefusedRequestError(422, f"row {index} has not {len(columns)} values", field=where, row=index)
        rows.append(dict(zip(columns, values, strict=True)))
    return rows


def _as_columns(content: Mapping[str, JsonValue], where: str) -> dict[str, list[JsonValue]]:
    columns: dict[str, list[JsonValue]] = {}
    for name, values in content.items():
        if not isinstance(values, list):
            raise RefusedRequestError(422, f"{name[:60]!r} must be a list of values", field=where)
        # A column vector, as NumPy writes a tensor of shape (n, 1).
        columns[name] = [value[0] if isinstance(value, list) and len(value) == 1 else value for value in values]
    return columns


def _csv_rows(sent: Sent) -> list[Row]:
    """Read a header line and rows; an empty cell is a missing value, every other one must fit its field's type."""
    try:
        lines = csv.reader(io.StringIO(sent.body.decode("utf-8-sig"), newline=""), strict=True)
        filled = (line for line in lines if line)
        table = [*islice(filled, sent.max_rows + 2)]
        left_out = sum(1 for _ in filled)  # counted and not kept: a line of one comma takes a hundred bytes
    except (UnicodeDecodeError, csv.Error) as error:
        raise RefusedRequestError(400, f"the body is no CSV in UTF-8: {str(error)[:200]}") from None
    names, cells = (table[0], table[1:]) if table else ([], [])
    if not cells:
        raise RefusedRequestError(422, "a header line and at least one row are expected")
    if len(set(names)) < len(names):
        raise RefusedRequestError(422, "the header names a field twice")
    refuse_too_many(len(cells) + left_out, "rows", sent.max_rows)
    fields = sent.release.predictor.plan.fields
    readers = [_READERS.get(fields[name], str) if name in fields else str for name in names]
    return [_csv_row(index, names, readers, line) for index, line in enumerate(cells)]


def _csv_row(
    index: int, names: list[str], readers: "list[Callable[[str], JsonValue]]", cells: list[str]
) -> dict[str, JsonValue]:
    if len(cells) != len(names):
        raise RefusedRequestError(422, f"row {index} has {len(cells)} cells, the header {len(names)}", row=index)
    row: dict[str, JsonValue] = {}
    for name, read, cell in zip(names, readers, cells, strict=True):
        try:
            row[name] = read(cell) if cell else None
        except (ValueError, KeyError):
            reason = f"row {index}: {name[:60]!r} holds {cell[:60]!r}, which does not fit its type"
            raise RefusedRequestError(422, reason, field=name[:60], row=index) from None
    return row


def _finite(cell: str) -> float:
    number = float(_plain(cell))
    if not math.isfinite(number):
        raise ValueError(cell)
    return number


def _whole(cell: str) -> float:
    """Read an integer; pandas writes 8.0 where another row has none. What is no whole number is refused by name."""
    text = _plain(cell)
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _plain(cell: str) -> str:
    """Refuse what only Python reads as a number: `1_000`, blanks around it, digits of other scripts."""
    if not cell.isascii() or "_" in cell or cell != cell.strip():
        raise ValueError(cell)
    return cell


_READERS: Mapping[ColumnType, Callable[[str], JsonValue]] = {
    ColumnType.INTEGER: _whole,
    ColumnType.NUMBER: _finite,
    ColumnType.FLAG: lambda cell: _FLAGS[cell.lower()],
}

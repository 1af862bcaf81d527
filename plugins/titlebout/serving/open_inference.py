"""The Open Inference Protocol V2, as KServe's and Triton's clients speak it over HTTP.

Source: https://github.com/kserve/open-inference-protocol (inference REST) and Triton's extension for binary tensors,
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md.

One input tensor per field, of shape [n] or [n, 1]. A tensor has no null: NaN in a floating-point tensor, and null in
JSON, is a missing value.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from starlette.responses import Response

from titlebout import __version__
from titlebout.core.errors import bounded
from titlebout.core.first_mistake import first_mistake
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.wire import ReleaseReceipt
from titlebout.serving.class_answers import output_tensor
from titlebout.serving.questions import JsonAnswer, Question, Row, Scores, Sent, Unseen, named, transposed
from titlebout.serving.release_store import LoadedRelease
from titlebout.serving.request_body import RefusedRequestError, byte_count, parse_json
from titlebout.serving.tensors import DTYPES, read_tensor

OUTPUT = "predictions"
JSON_LENGTH = "inference-header-content-length"
"""Header that says how many bytes of the body are JSON; tensors follow."""

_DATATYPES: Mapping[ColumnType, str] = {
    ColumnType.INTEGER: "INT64",
    ColumnType.NUMBER: "FP64",
    ColumnType.FLAG: "BOOL",
    ColumnType.TEXT: "BYTES",
    ColumnType.DATE: "BYTES",
    ColumnType.TIMESTAMP: "BYTES",
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputTensor(_Part):
    """One field of all rows."""

    name: str = Field(max_length=200)
    shape: tuple[int, ...]
    datatype: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    data: list[JsonValue] | None = None


class OutputTensor(_Part):
    """What a client wants to get."""

    name: Literal["predictions"]
    parameters: dict[str, JsonValue] = Field(default_factory=dict)


class InferRequest(_Part):
    """The JSON of an inference request."""

    id: str = Field(default="", max_length=200)
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    inputs: tuple[InputTensor, ...] = Field(min_length=1)
    outputs: tuple[OutputTensor, ...] = Field(default=(), max_length=1)


def server_metadata() -> dict[str, JsonValue]:
    """Return what `/v2` says."""
    return {"name": "titlebout", "version": __version__, "extensions": ["binary_tensor_data"]}


def model_metadata(release: LoadedRelease) -> dict[str, JsonValue]:
    """Return what `/v2/models/<model>` says."""
    receipt, fields = release.receipt, release.predictor.plan.fields
    inputs: list[JsonValue] = [
        {"name": name, "datatype": _DATATYPES[kind], "shape": [-1]} for name, kind in fields.items()
    ]
    return {
        "name": receipt.model,
        "versions": [receipt.version],
        "platform": "xgboost",
        "inputs": inputs,
        "outputs": [output_tensor(OUTPUT, release.predictor.plan)],
    }


def refuse_others(receipt: ReleaseReceipt, model: str, version: str | None) -> None:
    """Refuse a question to another model or version than the one that answers.

    Raises:
        RefusedRequestError: It is another.
    """
    if model != receipt.model:
        raise RefusedRequestError(404, f"this server serves {receipt.model!r}, not {model[:80]!r}")
    if version is not None and version != receipt.version:
        raise RefusedRequestError(404, f"version {version[:80]!r} does not serve; {receipt.version!r} does")


def infer(sent: Sent) -> Question:
    """Read an inference request; the answer is one tensor `predictions`, with *other* categories as a parameter.

    Raises:
        RefusedRequestError: It is none, or a tensor does not fit its field.
    """
    text, tail = _split(sent)
    try:
        asked = InferRequest.model_validate(parse_json(text))
    except ValidationError as error:
        mistake = first_mistake(error, "body")
        raise RefusedRequestError(400, bounded(str(mistake)), field=mistake.where) from None
    rows = _rows(asked, tail, sent)
    receipt = sent.release.receipt

    def answer(scores: Scores, unseen: Sequence[Unseen]) -> Response:
        return _answer(asked, receipt, scores, unseen)

    return Question(rows, answer)


def infer_version(sent: Sent) -> Question:
    """Read an inference request to a version by its name: no other one may answer it."""
    return infer(sent)


def _split(sent: Sent) -> tuple[bytes, memoryview]:
    length = sent.headers.get(JSON_LENGTH)
    if length is None:
        return sent.body, memoryview(b"")
    end = byte_count(length)
    if end is None or end > len(sent.body):
        raise RefusedRequestError(400, f"{JSON_LENGTH}: {length[:20]!r} is no number of bytes of this body")
    return sent.body[:end], memoryview(sent.body)[end:]


def _rows(asked: InferRequest, tail: memoryview, sent: Sent) -> list[Row]:
    columns: dict[str, list[JsonValue]] = {}
    fields = sent.release.predictor.plan.fields
    for tensor in asked.inputs:
        if tensor.name in columns:
            raise RefusedRequestError(400, f"input {tensor.name[:60]!r} comes twice", field=tensor.name[:60])
        values, tail = _values(tensor, tail)
        columns[tensor.name] = _as_field(values, fields.get(tensor.name), tensor)
    if len(tail):
        raise RefusedRequestError(400, f"{len(tail)} bytes follow the last binary tensor")
    return transposed(columns, "inputs", sent.max_rows)


def _values(tensor: InputTensor, tail: memoryview) -> tuple[list[JsonValue], memoryview]:
    """Return a tensor's values, and the binary tensors that follow it."""
    name, count = tensor.name[:60], _count(tensor)
    if tensor.datatype not in DTYPES:
        reason = f"datatype {tensor.datatype[:20]!r}; one of {', '.join(DTYPES)} is expected"
        raise RefusedRequestError(400, f"input {name!r}: {reason}", field=name)
    size = tensor.parameters.get("binary_data_size")
    if size is None:
        values = [value[0] if isinstance(value, list) and len(value) == 1 else value for value in tensor.data or []]
    elif tensor.data is None and isinstance(size, int) and 0 <= size <= len(tail):
        try:
            values = read_tensor(tensor.datatype, tail[:size])
        except ValueError as error:
            raise RefusedRequestError(400, f"input {name!r}: {error}", field=name) from None
        tail = tail[size:]
    else:
        raise RefusedRequestError(400, f"input {name!r}: binary_data_size does not fit the body", field=name)
    if len(values) != count:
        reason = f"its shape {list(tensor.shape)} says {count} values, it holds {len(values)}"
        raise RefusedRequestError(400, f"input {name!r}: {reason}", field=name)
    return values, tail


def _count(tensor: InputTensor) -> int:
    shape = tensor.shape
    if not 1 <= len(shape) <= 2 or min(shape) < 0 or shape[1:] not in {(), (1,)}:
        name = tensor.name[:60]
        raise RefusedRequestError(400, f"input {name!r}: shape {list(shape)}; [n] or [n, 1] is expected", field=name)
    return shape[0]


def _as_field(values: list[JsonValue], kind: ColumnType | None, tensor: InputTensor) -> list[JsonValue]:
    """Turn NaN into a missing value, and whole floats into integers where the field is one: tensors have one type."""
    if not tensor.datatype.startswith("FP"):
        return values
    is_integer = kind is ColumnType.INTEGER
    converted: list[JsonValue] = []
    for value in values:
        if isinstance(value, float) and math.isnan(value):
            converted.append(None)
        elif is_integer and isinstance(value, float) and value.is_integer():
            converted.append(int(value))
        else:
            converted.append(value)
    return converted


def _answer(asked: InferRequest, receipt: ReleaseReceipt, scores: Scores, unseen: Sequence[Unseen]) -> Response:
    output: dict[str, JsonValue] = {"name": OUTPUT, "datatype": "FP64", "shape": list(scores.shape)}
    document: dict[str, JsonValue] = {"model_name": receipt.model, "model_version": receipt.version}
    if asked.id:
        document["id"] = asked.id
    if unseen:
        document["parameters"] = {"other": json.dumps(named(unseen), separators=(",", ":"))}
    wish = asked.outputs[0].parameters.get("binary_data") if asked.outputs else None
    is_binary = asked.parameters.get("binary_data_output") is True if wish is None else wish is True
    if not is_binary:
        return JsonAnswer({**document, "outputs": [{**output, "data": scores.ravel().tolist()}]})
    tensor = np.ascontiguousarray(scores, dtype="<f8").tobytes()
    output["parameters"] = {"binary_data_size": len(tensor)}
    text = json.dumps({**document, "outputs": [output]}, separators=(",", ":")).encode("ascii")
    headers = {JSON_LENGTH: str(len(text))}
    return Response(text + tensor, media_type="application/octet-stream", headers=headers)

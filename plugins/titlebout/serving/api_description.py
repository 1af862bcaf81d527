"""What the server takes and gives, as an OpenAPI document and as a page: both of the release that answers."""

import html
import json
import shlex
from collections.abc import Mapping

from pydantic import JsonValue

from titlebout import __version__
from titlebout.core.features import FeaturePlan
from titlebout.core.field_values import category_value, zone_of
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.wire import PREDICT_PATH
from titlebout.serving.class_answers import told_schema
from titlebout.serving.questions import MOST_FEATURES, USUAL_FEATURES
from titlebout.serving.release_store import LoadedRelease
from titlebout.serving.settings import ServingSettings

MOST_EXAMPLES = 20

_SCHEMAS: Mapping[ColumnType, dict[str, JsonValue]] = {
    ColumnType.INTEGER: {"type": ["integer", "null"]},
    ColumnType.NUMBER: {"type": ["number", "null"]},
    ColumnType.FLAG: {"type": ["boolean", "null"]},
    ColumnType.TEXT: {"type": ["string", "null"]},
    ColumnType.DATE: {"type": ["string", "null"], "format": "date"},
    ColumnType.TIMESTAMP: {"type": ["string", "null"], "format": "date-time"},
}
_EXAMPLES: Mapping[ColumnType, JsonValue] = {
    ColumnType.INTEGER: 1,
    ColumnType.NUMBER: 1.5,
    ColumnType.FLAG: True,
    ColumnType.TEXT: "text",
    ColumnType.DATE: "2024-03-14",
    ColumnType.TIMESTAMP: "2024-03-14T02:00:00Z",
}


def openapi_document(release: LoadedRelease, settings: ServingSettings, *, needs_token: bool) -> dict[str, JsonValue]:
    """Return the OpenAPI 3.1 document of a release: what `/predict` takes, field by field."""
    receipt, plan = release.receipt, release.predictor.plan
    security: dict[str, JsonValue] = {"security": [{"token": []}]} if needs_token else {}
    schemes: dict[str, JsonValue] = {"securitySchemes": {"token": _TOKEN}} if needs_token else {}
    refusals = {"401": "No token, or an unknown one", **_REFUSALS} if needs_token else _REFUSALS
    schemas: JsonValue = {"Row": row_schema(plan), "Question": _question_schema(plan, settings.max_rows)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{receipt.model}: predictions of {plan.target}",
            "version": receipt.version,
            "description": f"Titlebout {__version__}. The fields change when a release with other fields is served.",
        },
        "paths": {
            PREDICT_PATH: {
                "post": {
                    "operationId": "predict",
                    "summary": f"Predict {plan.target} for some rows",
                    **security,
                    "requestBody": _json({"$ref": "#/components/schemas/Question"}, is_required=True),
                    "responses": {
                        "200": {"description": "One prediction a row", **_json(_answer_schema(plan))},
                        **{status: {"description": why, **_json(_ERROR)} for status, why in refusals.items()},
                    },
                }
            }
        },
        "components": {"schemas": schemas, **schemes},
    }


def _answer_schema(plan: FeaturePlan) -> dict[str, JsonValue]:
    predictions = told_schema(plan)
    return {
        "type": "object",
        "required": ["model", "version", *predictions],
        "properties": {
            "model": {"type": "string"},
            "version": {"type": "string"},
            **predictions,
            "explanations": {"type": "array", "items": _EXPLANATION},
            "other": {
                "type": "array",
                "description": "Categories that training never saw, scored as *other*; absent where there are none.",
                "items": {"type": "object", "properties": {"row": {"type": "integer"}, "field": {"type": "string"}}},
            },
        },
    }


def _question_schema(plan: FeaturePlan, max_rows: int) -> dict[str, JsonValue]:
    rows: dict[str, JsonValue] = {"type": "array", "minItems": 1, "maxItems": max_rows}
    return {
        "type": "object",
        "required": ["rows"],
        "additionalProperties": False,
        "properties": {
            "rows": {**rows, "items": {"$ref": "#/components/schemas/Row"}},
            "explain": {
                "type": ["boolean", "integer", "null"],
                "minimum": 1,
                "maximum": MOST_FEATURES,
                "description": f"name so many features that move each score; true: {USUAL_FEATURES}",
            },
        },
        "examples": [{"rows": [example_row(plan)]}],
    }


def row_schema(plan: FeaturePlan) -> dict[str, JsonValue]:
    """Return the JSON schema of one row: every field is required and may be null, which says that it is missing."""
    properties: dict[str, JsonValue] = {}
    for name, kind in plan.fields.items():
        known = plan.vocabularies.get(name)
        extra: dict[str, JsonValue] = {}
        if known is not None:
            extra = {"description": f"a category; {len(known)} are known, any other one counts as *other*"}
            extra["examples"] = _examples(plan, name)
        properties[name] = {**_SCHEMAS[kind], **extra}
    return {
        "type": "object",
        "required": [*plan.fields],
        "additionalProperties": False,
        "properties": properties,
    }


def example_row(plan: FeaturePlan) -> dict[str, JsonValue]:
    """Return a row that the model takes; its values mean nothing."""
    return {name: next(iter(_examples(plan, name)), _EXAMPLES[kind]) for name, kind in plan.fields.items()}


def docs_page(release: LoadedRelease, settings: ServingSettings, base_url: str, *, needs_token: bool) -> str:
    """Return a page that needs nothing from elsewhere: fields, a call to copy, limits, other protocols."""
    receipt, plan = release.receipt, release.predictor.plan
    fields = "".join(
        f"<tr><td><code>{_text(name)}</code><td>{_text(plan.fields[name])}<td>{_text(_categories(plan, name))}"
        for name in plan.fields
    )
    body = json.dumps({"rows": [example_row(plan)]}, ensure_ascii=False)
    token = " -H 'authorization: Bearer <token>'" if needs_token else ""
    # Somebody pastes it into a shell: a category is a value of the data and may hold a quotation mark.
    url, data = shlex.quote(f"{base_url.rstrip('/')}{PREDICT_PATH}"), shlex.quote(body)
    call = f"curl -X POST {url} -H 'content-type: application/json'{token} -d {data}"
    return _PAGE.format(
        model=_text(receipt.model),
        version=_text(receipt.version),
        since=_text(receipt.since.isoformat(timespec="seconds")),
        target=_text(plan.target),
        fields=fields,
        call=_text(call),
        max_rows=f"{settings.max_rows:,}",
        max_mebibytes=settings.max_predict_bytes // 2**20,
    )


def _categories(plan: FeaturePlan, name: str) -> str:
    known = plan.vocabularies.get(name)
    if known is None:
        return ""
    more = f" and {len(known) - MOST_EXAMPLES} more" if len(known) > MOST_EXAMPLES else ""
    named = (each if isinstance(each, str) else json.dumps(each) for each in _examples(plan, name))
    return ", ".join(named) + more


def _examples(plan: FeaturePlan, name: str) -> list[JsonValue]:
    """Return the first categories of a field, as they are sent; of a field without categories there are none."""
    zone, known = zone_of(plan.timezone), plan.vocabularies.get(name, ())
    return [category_value(each, plan.fields[name], zone) for each in known[:MOST_EXAMPLES]]


def _json(schema: JsonValue, *, is_required: bool | None = None) -> dict[str, JsonValue]:
    content: dict[str, JsonValue] = {"content": {"application/json": {"schema": schema}}}
    return content if is_required is None else {"required": is_required, **content}


def _text(value: str) -> str:
    return html.escape(value)


_TOKEN: dict[str, JsonValue] = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token for predictions that the server's administrator has set, or the administrator's own.",
}
_ERROR: dict[str, JsonValue] = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string"}, "field": {"type": "string"}, "row": {"type": "integer"}},
}
_EXPLANATION: dict[str, JsonValue] = {
    "type": "object",
    "description": "Shapley values of one row: base, features and others add up to its margin.",
    "required": ["base", "features", "others"],
    "properties": {
        "base": {"type": "number"},
        "features": {"type": "object", "additionalProperties": {"type": "number"}},
        "others": {"type": "number"},
    },
}
_REFUSALS = {
    "400": "The body is no JSON in UTF-8, or says two things at once",
    "408": "The body did not arrive in time",
    "413": "Too many rows or bytes at once",
    "415": "The body is compressed",
    "422": "A field is unknown, missing or not of its type; `field` and `row` name it",
    "503": "No release was pushed yet, or too many large requests at once",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{model} - model server</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse }} td, th {{ border: 1px solid #8886; padding: .3rem .6rem; text-align: left }}
pre {{ background: #8882; padding: 1rem; overflow-x: auto; white-space: pre-wrap; word-break: break-all }}
</style></head><body>
<h1>{model}</h1>
<p>Predicts <code>{target}</code>. Version <code>{version}</code> answers since {since}.</p>
<h2>Ask</h2>
<pre>{call}</pre>
<h2>Fields</h2>
<p>Every row has exactly these. <code>null</code> says that a value is missing; an unknown category counts as
<em>other</em>.</p>
<table><tr><th>field<th>type<th>known categories{fields}</table>
<h2>Limits</h2>
<p>{max_rows} rows and {max_mebibytes} MiB a request.</p>
<h2>Other protocols</h2>
<ul>
<li>Open Inference Protocol V2: <a href="v2/models/{model}">/v2/models/{model}</a>, <code>/infer</code></li>
<li>MLflow: <code>POST /invocations</code> with dataframe_split, dataframe_records, instances, inputs, or CSV</li>
<li>OpenAPI: <a href="openapi.json">openapi.json</a></li>
</ul>
</body></html>
"""

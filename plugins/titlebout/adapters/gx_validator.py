"""Evaluates expectation suites with Great Expectations on pandas."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from titlebout.core.errors import PartitionUnreadableError, SpecError, bounded, did_you_mean
from titlebout.core.plain_json import MAX_TEXT_CHARACTERS
from titlebout.core.ports import SuiteResult
from titlebout.core.results import Severity
from titlebout.core.suites.condition_guard import runs_code
from titlebout.core.suites.judgements import MAX_EXAMPLES, Judgement, columns_to_show, suite_result

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.core.result_format import ResultFormatUnion
    from great_expectations.datasource.fluent.interfaces import Batch
    from great_expectations.expectations.expectation import Expectation

    from titlebout.core.ports import PartitionValidator

# What a suite file may say about an expectation, and what Great Expectations adds when it writes one.
_READ_KEYS = frozenset({"type", "kwargs", "severity", "meta", "notes", "description"})
_IGNORED_KEYS = frozenset({"id", "rendered_content", "success_on_last_run"})

# One run tells which expectations fail; only those are run again for the rows at fault, since looking
# these up costs half as much again as the whole judgement. Rows are asked for by position: asked for by
# key columns, Great Expectations walks over every failing row in Python before it shows the first 20.
_JUDGE: "ResultFormatUnion" = {"result_format": "BASIC", "partial_unexpected_count": MAX_EXAMPLES}
_LOCATE: "ResultFormatUnion" = {
    "result_format": "SUMMARY",
    "partial_unexpected_count": MAX_EXAMPLES,
    "return_unexpected_index_query": False,
}


class GxValidator:
    """Evaluate suites in one ephemeral context; suites are parsed once per object."""

    def __init__(self) -> None:
        # Great Expectations reads this once, when it is imported below, and would call home without it.
        os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
        self._batch_definition: BatchDefinition[Any] | None = None
        self._parsed: dict[str, tuple[Expectation, ...]] = {}

    def validate(self, data: Path, suite: Mapping[str, JsonValue], *, key_columns: Sequence[str]) -> SuiteResult:
        """Evaluate every expectation of the suite on one Parquet file.

        Raises:
            SpecError: The suite is empty, or names an expectation type or an argument that does not exist.
            PartitionUnreadableError: The file is no Parquet file.
        """
        import great_expectations as gx

        expectations = self._expectations(suite)
        frame = _read(data)
        judgements = _judge(self._batch(frame), expectations, frame, key_columns)
        return suite_result(_name(suite), f"great_expectations {gx.__version__}", judgements)

    def _expectations(self, suite: Mapping[str, JsonValue]) -> "tuple[Expectation, ...]":
        digest = hashlib.sha256(json.dumps(suite, sort_keys=True).encode()).hexdigest()
        if digest not in self._parsed:
            self._parsed[digest] = _parse(suite)
        return self._parsed[digest]

    def _batch(self, frame: "pd.DataFrame") -> "Batch":
        """Hand a frame to the engine; context, source and asset are made once."""
        if self._batch_definition is None:
            import great_expectations as gx
            from great_expectations.data_context.types.base import ProgressBarsConfig

            context = gx.get_context(mode="ephemeral")
            context.variables.progress_bars = ProgressBarsConfig(globally=False)
            asset = context.data_sources.add_pandas("snapshots").add_dataframe_asset("partition")
            self._batch_definition = asset.add_batch_definition_whole_dataframe("whole")
        return self._batch_definition.get_batch(batch_parameters={"dataframe": frame})


def _parse(suite: Mapping[str, JsonValue]) -> "tuple[Expectation, ...]":
    """Build every expectation by itself.

    `ExpectationSuite(expectations=…)` only logs one that it cannot build and goes on without it, which
    would leave a gate open that its author believes to be shut.
    """
    name, documents = _name(suite), suite.get("expectations")
    if not isinstance(documents, list) or not documents:
        message = f"suite {name!r}: holds no expectations, so it would accept anything; add at least one"
        raise SpecError(message)
    return tuple(
        _parse_expectation(document, f"suite {name!r}, expectation {position}")
        for position, document in enumerate(documents, start=1)
    )


def _parse_expectation(document: JsonValue, where: str) -> "Expectation":
    from great_expectations.exceptions.exceptions import GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    if not isinstance(document, dict) or "type" not in document:
        message = f'{where}: expected an object such as {{"type": "expect_…", "kwargs": {{…}}}}'
        raise SpecError(message)
    kind = str(document["type"])
    for key in document:
        if key not in _READ_KEYS | _IGNORED_KEYS:
            message = f"{where} ({kind}): unknown key {key!r}; {did_you_mean(key, _READ_KEYS)}"
            raise SpecError(message)
    known = list_registered_expectation_implementations()
    if kind not in known:
        message = f"{where}: there is no expectation {kind!r}; {did_you_mean(kind, known)}"
        raise SpecError(message)
    arguments: dict[str, Any] = {"kwargs": {}, **{key: document[key] for key in document if key in _READ_KEYS}}
    if isinstance(arguments["kwargs"], dict) and runs_code(arguments["kwargs"].get("row_condition")):
        message = f"{where} ({kind}): row_condition may compare columns with values, and nothing else: it runs as code"
        raise SpecError(message)
    try:
        expectation = ExpectationConfiguration(**arguments).to_domain_obj()
    except (GreatExpectationsError, TypeError, ValueError) as error:
        message = f"{where} ({kind}): {_explain(kind, error)}"
        raise SpecError(message) from error
    expectation.id = where  # results come back in another order
    return expectation


def _explain(kind: str, error: Exception) -> str:
    """Say in one line what is wrong with an expectation's arguments."""
    from great_expectations.expectations.registry import get_expectation_impl

    listed: Callable[[], list[dict[str, Any]]] | None = getattr(error, "errors", None)
    first = listed()[0] if listed else {}
    argument = ".".join(str(part) for part in first.get("loc", ()) if part != "__root__")
    if first.get("type") == "value_error.extra":
        return f"unknown argument {argument!r}; {did_you_mean(argument, get_expectation_impl(kind).__fields__)}"
    said = first.get("msg") or getattr(error, "message", error)
    return _one_line(f"{argument}: {said}" if argument else said)


def _read(data: Path) -> "pd.DataFrame":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Rows are found again by position: an index that pandas left in the file must not come back.
        frame: pd.DataFrame = pq.read_table(data).to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError) as error:
        message = f"{data}: not readable as Parquet ({bounded(str(error), 120)}); ingest the partition again"
        raise PartitionUnreadableError(message) from error
    return frame


def _judge(
    batch: "Batch", expectations: "Sequence[Expectation]", frame: "pd.DataFrame", key_columns: Sequence[str]
) -> list[Judgement]:
    """Evaluate all expectations, then look up the rows at fault of those that failed on single rows."""
    judgements = _run(batch, expectations, _JUDGE)
    failed = [n for n, each in enumerate(judgements) if not each.success and each.result.get("unexpected_count")]
    if failed:
        located = _run(batch, [expectations[n] for n in failed], _LOCATE)
        for n, found in zip(failed, located, strict=True):
            rows = found.result.get("partial_unexpected_index_list") or []
            columns = [name for name in columns_to_show(found.kwargs, key_columns) if name in frame.columns]
            judgements[n] = replace(judgements[n], examples=frame.loc[rows, columns].to_dict("records"))
    return judgements


def _run(batch: "Batch", expectations: "Sequence[Expectation]", result_format: "ResultFormatUnion") -> list[Judgement]:
    """Evaluate expectations in one go, or one by one where the engine gives up on all of them together."""
    import great_expectations as gx

    suite = gx.ExpectationSuite(name="suite")
    suite.expectations = [*expectations]
    try:
        results = batch.validate(suite, result_format=result_format).results
        by_id = {result.expectation_config.id: result for result in results if result.expectation_config}
        return [_translate(each, by_id[each.id]) for each in expectations]
    except Exception:  # whatever it is: run alone, each expectation says whether it was the one
        return [_run_alone(batch, each, result_format) for each in expectations]


def _run_alone(batch: "Batch", expectation: "Expectation", result_format: "ResultFormatUnion") -> Judgement:
    try:
        return _translate(expectation, batch.validate(expectation, result_format=result_format))
    except Exception as error:  # what cannot be evaluated has failed, whatever the engine raised
        return _judgement(expectation, raised=error)


def _translate(expectation: "Expectation", result: "ExpectationValidationResult") -> Judgement:
    information = result.exception_info or {}
    if information.get("raised_exception", bool(information)):
        # Either one message, or one per metric that could not be computed.
        told = [information, *(nested for nested in information.values() if isinstance(nested, dict))]
        messages = [each["exception_message"] for each in told if each.get("exception_message")]
        return _judgement(expectation, raised=messages[0] if messages else "unknown error")
    return _judgement(expectation, success=bool(result.success), result=result.result)


def _judgement(
    expectation: "Expectation",
    *,
    success: bool = False,
    result: Mapping[str, Any] | None = None,
    raised: object = None,
) -> Judgement:
    return Judgement(
        kind=expectation.expectation_type,
        kwargs=expectation.configuration.kwargs,
        severity=Severity(expectation.severity),
        success=success,
        result=result or {},
        raised=None if raised is None else _one_line(raised),
    )


def _name(suite: Mapping[str, JsonValue]) -> str:
    return _one_line(suite.get("name", "(unnamed)"))


def _one_line(said: object) -> str:
    return bounded(" ".join(str(said).split()), MAX_TEXT_CHARACTERS)


if TYPE_CHECKING:
    _proof: PartitionValidator = GxValidator()

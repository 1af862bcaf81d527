"""Finds `include/` and `expectations/`, and is the only reader of model specs, suites and queries."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import yaml
from pydantic import JsonValue, ValidationError

from titlebout.core.errors import DeploymentError, SpecError, SuiteNotFoundError, TitleboutError, did_you_mean
from titlebout.core.reading.partition_query import PartitionQuery, parse_query
from titlebout.core.spec_mistakes import mistakes_of, yaml_mistake
from titlebout.core.specs.dataset_spec import SqlSource
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.wire import checked_model_name

HOME_VARIABLE = "TITLEBOUT_HOME"


def project_home() -> Path:
    """Return the folder that holds `include/` and `expectations/`.

    It is `TITLEBOUT_HOME`, or `AIRFLOW_HOME` where that is unset (`/opt/airflow` in the compose file,
    `/usr/local/airflow` in Astro), or the working directory, or the nearest folder above it that holds a project.
    """
    if given := os.environ.get(HOME_VARIABLE) or os.environ.get("AIRFLOW_HOME"):
        return Path(given).resolve()
    here = Path().resolve()
    return next((each for each in (here, *here.parents) if (each / "include" / "models").is_dir()), here)


def model_names() -> tuple[str, ...]:
    """Return the names of all model specs, sorted."""
    return tuple(sorted(path.stem for path in (project_home() / "include" / "models").glob("*.yaml")))


def load_model_spec(name: str) -> ModelSpec:
    """Read and check `include/models/<name>.yaml`.

    Raises:
        SpecError: The file is missing, no YAML, or not a model spec; the message names file and key.
    """
    path = project_home() / "include" / "models" / f"{name}.yaml"
    text = _text_of(path)
    if text is None:
        message = f"{path}: no such model spec; {did_you_mean(name, model_names())}"
        raise SpecError(message)
    try:
        document = yaml.safe_load(text)
    # Beside YAML's own errors: a day that no calendar has, such as 2024-13-01, and brackets a thousand deep.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        message = f"{path}: not readable as YAML: {yaml_mistake(error)}"
        raise SpecError(message) from None
    if not isinstance(document, dict):
        found = "an empty file" if document is None else type(document).__name__
        message = f"{path}: expected keys such as name, dataset and training, found {found}"
        raise SpecError(message)
    try:
        spec = ModelSpec.model_validate(document)
    except ValidationError as error:
        message = f"{path}: {'; '.join(mistakes_of(error))}"
        raise SpecError(message) from None
    if spec.name != name:
        message = f"{path}: name: found {spec.name!r}, but the file is called {name}.yaml; make them equal"
        raise SpecError(message)
    return spec


def find_model_spec(name: str) -> ModelSpec | None:
    """Return a model's spec; None where it is gone or wrong: versions outlive their specs."""
    try:
        return load_model_spec(name)
    except TitleboutError:
        return None


def readable_specs() -> Iterator[ModelSpec]:
    """Yield every model spec that holds; one broken file takes no other model's DAGs down."""
    return (spec for _, spec in named_specs() if spec)


def named_specs() -> Iterator[tuple[str, ModelSpec | None]]:
    """Yield the name of every file that a model may have, and its spec; None where that is wrong."""
    for name in model_names():
        with suppress(DeploymentError):
            yield checked_model_name(name), find_model_spec(name)


def spec_mistakes() -> list[SpecError]:
    """Return what is wrong with the files that `readable_specs` leaves out, and with what specs name."""
    mistakes = []
    for name in model_names():
        try:
            spec = load_model_spec(name)
            source_query(spec)
            load_suite(spec.validation.suite)
        except SpecError as error:
            mistakes.append(error.with_traceback(None))
    return mistakes


def load_suite(name: str) -> dict[str, JsonValue]:
    """Read `expectations/<name>.json`.

    Raises:
        SuiteNotFoundError: There is no such file.
        SpecError: It is no JSON object with a list of expectations.
    """
    folder = project_home() / "expectations"
    path = folder / f"{name}.json"
    text = _text_of(path)
    if text is None:
        message = f"{path}: no such expectation suite; {did_you_mean(name, (p.stem for p in folder.glob('*.json')))}"
        raise SuiteNotFoundError(message)
    try:
        suite = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"{path}: not readable as JSON: {_one_line(error)}"
        raise SpecError(message) from None
    if not isinstance(suite, dict) or not isinstance(suite.get("expectations"), list) or not suite["expectations"]:
        message = f"{path}: key 'expectations' must be a list with at least one expectation"
        raise SpecError(message)
    return suite


def source_query(spec: ModelSpec) -> PartitionQuery | None:
    """Read and check `include/sql/<query>.sql`, which a source of kind `sql` names; None for any other source.

    Raises:
        SpecError: There is no such file, or it holds anything but one reading query with bound parameters.
    """
    source = spec.dataset.source
    if not isinstance(source, SqlSource):
        return None
    folder = project_home() / "include" / "sql"
    path = folder / f"{source.query}.sql"
    text = _text_of(path)
    if text is None:
        message = f"{path}: no such query; {did_you_mean(source.query, (p.stem for p in folder.glob('*.sql')))}"
        raise SpecError(message)
    query = parse_query(source.query, text, str(path))
    query.check_cadence(spec.dataset.cadence)
    return query


def _text_of(path: Path) -> str | None:
    """Return the text of a file of the project; None where there is none.

    Raises:
        SpecError: It cannot be read, or is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror}; make it a file that this user may read"
        raise SpecError(message) from None
    except UnicodeDecodeError as error:
        message = f"{path}: not readable as UTF-8: {_one_line(error)}"
        raise SpecError(message) from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())

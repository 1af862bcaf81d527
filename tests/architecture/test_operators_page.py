"""docs/operators.md names every operator and sensor with the arguments that it takes."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "operators.md").read_text(encoding="utf-8")
PACKAGE = PROJECT / "plugins" / "titlebout"
SHARED = {
    "ModelOperator": {"lake_conn_id", "ledger_conn_id"},
    "VerdictOperator": {"verdict", "mlflow_conn_id", "server_conn_id"},
}
OF_ALL_STEPS = {"model", "partition", "lake_conn_id", "ledger_conn_id"}


def operators() -> Iterator[tuple[str, set[str]]]:
    """Yield the name of each operator and its own arguments."""
    for path in sorted([*(PACKAGE / "operators").glob("*.py"), *(PACKAGE / "sensors").glob("*.py")]):
        for found in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(found, ast.ClassDef) and found.name.endswith(("Operator", "Sensor")):
                bases = {ast.unparse(base) for base in found.bases}
                inits = [each for each in found.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
                arguments = {argument.arg for init in inits for argument in init.args.kwonlyargs}
                for base in bases & SHARED.keys():
                    arguments |= SHARED[base]
                left_out = {"model"} if bases & {"BaseOperator", "ModelOperator"} else OF_ALL_STEPS
                yield found.name, arguments - left_out


@pytest.mark.parametrize(("name", "arguments"), [*operators()], ids=[name for name, _ in operators()])
def test_an_operator_stands_on_the_page_with_its_arguments(name: str, arguments: set[str]):
    row = re.search(rf"^\| `{name}` \| (.*?) \|", PAGE, re.MULTILINE)
    assert row, f"docs/operators.md does not name {name}"
    named = {*re.findall(r"`(\w+)`", row[1])}
    assert arguments <= named, arguments - named


def test_the_page_names_no_operator_that_is_not_there():
    assert {*re.findall(r"^\| `(\w+(?:Operator|Sensor))`", PAGE, re.MULTILINE)} == {name for name, _ in operators()}


def test_the_example_is_python_that_names_real_arguments():
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    calls = [node for node in ast.walk(ast.parse(example)) if isinstance(node, ast.Call)]
    assert {keyword.arg for call in calls for keyword in call.keywords} <= OF_ALL_STEPS | {"task_id"}

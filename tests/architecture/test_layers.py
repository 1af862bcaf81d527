"""Budgets and names that no linter checks. Layers themselves are contracts of import-linter (`make lint`)."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "plugins" / "titlebout"
MODULES = sorted(PACKAGE.rglob("*.py"))
LIBRARIES = {"airflow", "alembic", "boto3", "docker", "httpx", "mlflow", "numpy", "pandas", "pyarrow", "xgboost"}
VAGUE = {"utils", "helpers", "common", "manager", "data", "misc", "tools"}


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines; its docstring may explain as much as it needs to."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    docstring = function.body[0]
    return lines - ((docstring.end_lineno or 0) - docstring.lineno + 1)


def long_functions(path: Path) -> list[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [f"{path.name}:{each.lineno} {each.name}" for each in functions if code_lines(each) > 40]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_stays_small_enough_to_read_at_once(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 250
    assert long_functions(path) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_has_a_docstring_and_no_name_of_a_library(path: Path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    if path.stem not in {"__init__", "__main__"}:
        assert path.stem not in set(sys.stdlib_module_names) | LIBRARIES | VAGUE


def test_one_word_names_a_step_everywhere():
    steps = {path.stem for path in (PACKAGE / "steps").glob("*.py")} - {"__init__"}
    operators = {path.stem for path in (PACKAGE / "operators").glob("*.py")} - {"__init__"}
    tests = {path.stem.removeprefix("test_") for path in (PACKAGE.parents[1] / "tests" / "steps").glob("test_*.py")}
    assert operators <= steps
    assert steps <= tests

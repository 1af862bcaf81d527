"""Budgets and names that no linter checks. Layers themselves are contracts of import-linter (`make lint`)."""

import ast
import re
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "plugins" / "titlebout"
MODULES = sorted(PACKAGE.rglob("*.py"))
LIBRARIES = {"airflow", "alembic", "boto3", "docker", "httpx", "mlflow", "numpy", "pandas", "pyarrow", "xgboost"}
VAGUE = {"utils", "helpers", "common", "manager", "data", "misc", "tools"}
SUPPRESSED = re.compile(r"# (noqa|type: ignore|pragma)")
SUPPRESSED_WITH_REASON = re.compile(r"# (noqa: [A-Z]+[0-9]+|type: ignore\[[a-z-]+\])  # \S")
BROAD = {"Exception", "BaseException"}


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


def unexplained(text: str) -> list[int]:
    """Return the lines that switch a linter off, or take any error there is, and do not say why."""
    lines = text.splitlines()
    handlers = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ExceptHandler)]
    broad = [each for each in handlers if each.type is None or ast.unparse(each.type) in BROAD]
    swallowed = [each.lineno for each in broad if not isinstance(each.body[-1], ast.Raise)]
    silent = [number for number in swallowed if "  # " not in lines[number - 1] + lines[number]]
    suppressed = [number for number, line in enumerate(lines, 1) if SUPPRESSED.search(line)]
    return silent + [number for number in suppressed if not SUPPRESSED_WITH_REASON.search(lines[number - 1])]


def test_an_exception_to_a_rule_says_why():
    found = {path.relative_to(PACKAGE).as_posix(): unexplained(path.read_text(encoding="utf-8")) for path in MODULES}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import this  # noqa: F401\n",
        "import this  # noqa  # it prints\n",
        "one = 1  # type: ignore  # it is one\n",
        "try:\n    pass\nexcept Exception:\n    one = 1\n",
        "try:\n    pass\nexcept:\n    one = 1\n",
    ],
)
def test_an_exception_to_a_rule_without_its_reason_is_noticed(text: str):
    assert unexplained(text)


def test_one_word_names_a_step_everywhere():
    steps = {path.stem for path in (PACKAGE / "steps").glob("*.py")} - {"__init__"}
    operators = {path.stem for path in (PACKAGE / "operators").glob("*.py")} - {"__init__"}
    tests = {path.stem.removeprefix("test_") for path in (PACKAGE.parents[1] / "tests" / "steps").glob("test_*.py")}
    assert operators <= steps
    assert steps <= tests

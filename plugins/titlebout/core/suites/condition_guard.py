"""Refuses conditions on rows that run as code: Great Expectations hands their text to `pandas.DataFrame.query`."""

import ast
import re

from pydantic import JsonValue

# Not where a quotation mark stands inside: then it is no name but the end of one text and the start of the next.
_QUOTED_NAME = re.compile(r"""`[^`"']*`""")
_HARMLESS = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.Invert, ast.USub, ast.Compare, ast.cmpop,
    ast.BinOp, ast.BitAnd, ast.BitOr, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Mod,
    ast.Name, ast.Load, ast.Constant, ast.List, ast.Tuple,
)  # fmt: skip


def runs_code(condition: JsonValue) -> bool:
    """Whether a condition is more than columns that are compared with values.

    >>> runs_code("hour > 1 and `wind speed` in [1, 2]"), runs_code("hour.to_csv('/tmp/x')"), runs_code("@pd.io")
    (False, True, True)
    """
    if isinstance(condition, dict):
        return _brings_text(condition)
    if isinstance(condition, list):
        return any(map(runs_code, condition))
    if not isinstance(condition, str):
        return False
    try:
        tree = ast.parse(_QUOTED_NAME.sub("x", condition).strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    return not all(isinstance(node, _HARMLESS) or _names_column(node) for node in ast.walk(tree))


def _brings_text(condition: dict[str, JsonValue]) -> bool:
    """Whether some part of a condition has such a text for pandas; the other parts name a column and a value."""
    if condition.get("type") in {"comparison", "nullity"}:
        return False
    return runs_code(condition.get("conditions")) or runs_code(condition.get("pass_through_filter"))


def _names_column(node: ast.AST) -> bool:
    """Whether it is `col("name")`, as Great Expectations spells it for databases."""
    if not isinstance(node, ast.Call) or node.keywords or not isinstance(node.func, ast.Name):
        return False
    return node.func.id == "col" and all(isinstance(each, ast.Constant) for each in node.args)

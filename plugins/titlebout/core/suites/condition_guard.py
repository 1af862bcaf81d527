"""Refuses conditions on rows that run as code: Great Expectations hands their text to `pandas.DataFrame.query`."""

import ast
import re

from pydantic import JsonValue

# Not where a quotation mark stands inside: pandas and Python may differ on whether that begins or ends a text.
_QUOTED_NAME = re.compile(r"""`[^`"']+`""")
_HARMLESS = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.Invert, ast.USub, ast.Compare, ast.cmpop,
    ast.BinOp, ast.BitAnd, ast.BitOr, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Mod,
    ast.Name, ast.Load, ast.Constant, ast.List, ast.Tuple,
)  # fmt: skip
_OF_MISSING = frozenset({"isnull", "isna", "notnull", "notna"})


def runs_code(condition: JsonValue) -> bool:
    """Whether a condition is more than columns that are compared with values, or asked for missing ones.

    >>> runs_code("hour > 1 and `wind speed` in [1, 2]"), runs_code("hour.to_csv('/tmp/x')"), runs_code("@pd.io")
    (False, True, True)
    """
    if isinstance(condition, dict):
        return _brings_text(condition)
    if isinstance(condition, list):
        return any(map(runs_code, condition))
    if not isinstance(condition, str):
        return False
    plain = _QUOTED_NAME.sub("x", condition)
    # Where one is left over, or two stand in a row, pandas may pair them in another way. Great Expectations quotes what
    # `col(…)` names by itself.
    if "`" in plain or "``" in condition or ("`" in condition and "col(" in plain):
        return True
    try:
        return not _is_harmless(ast.parse(plain.strip(), mode="eval"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True


def _brings_text(condition: dict[str, JsonValue]) -> bool:
    """Whether some part of a condition has such a text for pandas; the other parts name a column and a value."""
    if condition.get("type") in {"comparison", "nullity"}:
        return "`" in str(condition)  # Great Expectations puts names between two of them, as they are
    return runs_code(condition.get("conditions")) or runs_code(condition.get("pass_through_filter"))


def _is_harmless(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return _is_spelled_for_databases(node) or _asks_for_missing(node)
    return isinstance(node, _HARMLESS) and all(map(_is_harmless, ast.iter_child_nodes(node)))


def _is_spelled_for_databases(call: ast.Call) -> bool:
    """Whether it is `col("name")` or `date("2024-01-01")`, as Great Expectations spells them for databases."""
    is_one = isinstance(call.func, ast.Name) and call.func.id in {"col", "date"}
    return is_one and not call.keywords and all(isinstance(each, ast.Constant) for each in call.args)


def _asks_for_missing(call: ast.Call) -> bool:
    """Whether it is `name.isnull()` or one of its kind."""
    if call.args or call.keywords or not isinstance(call.func, ast.Attribute):
        return False
    whose = call.func.value
    is_column = isinstance(whose, ast.Name) or (isinstance(whose, ast.Call) and _is_spelled_for_databases(whose))
    return is_column and call.func.attr.lower() in _OF_MISSING

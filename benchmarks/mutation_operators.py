"""Small faults put into Python source, one at a time: what a test suite has to notice."""

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_SHOWN_CHARACTERS = 70

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),  # codespell:ignore notin
    ast.NotIn: (ast.In,),  # codespell:ignore notin
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_OPPOSITES = {
    **{"min": "max", "max": "min", "all": "any", "any": "all", "minimum": "maximum", "maximum": "minimum"},
    **{"isfinite": "isnan", "isnan": "isfinite", "PROMOTE": "KEEP", "KEEP": "INCONCLUSIVE", "INCONCLUSIVE": "PROMOTE"},
    **{"HELD": "BROKEN", "BROKEN": "UNDECIDED", "UNDECIDED": "HELD", "SHOWN": "HELD"},
}
# Types and decorators say nothing about what is computed; the text of messages and of `__doc__` decides nothing.
_LEFT_ALONE = {"annotation", "returns", "decorator_list", "format_spec", "type_params"}


@dataclass(frozen=True)
class Mutant:
    """A module with one fault.

    Attributes:
        name: Function and change; the same while the line is, wherever it moves.
        lines: First and last line of what is changed.
        source: The whole module with the fault.
    """

    name: str
    lines: tuple[int, int]
    source: str


def mutants_of(source: str, module: str) -> Iterator[Mutant]:
    """Yield every mutant of a module, in the order of its lines.

    >>> [mutant.name for mutant in mutants_of("def larger(a, b):\\n    return a > b", "sizes")]
    ... # doctest: +NORMALIZE_WHITESPACE
    ['sizes.larger: `return a > b` -> `return None`', 'sizes.larger: `a > b` -> `a >= b`',
    'sizes.larger: `a > b` -> `a <= b`']
    """
    tree = ast.parse(source)
    taken: Counter[str] = Counter()
    for place in list(_places(tree, module)):
        for replacement in list(_replacements(place)):
            name = f"{place.where}: `{_shown(place.node)}` -> `{_shown(replacement)}`"
            taken[name] += 1
            place.put(replacement)
            mutated = ast.unparse(ast.fix_missing_locations(tree))
            place.put(place.node)
            again = f" ({taken[name]})" if taken[name] > 1 else ""
            yield Mutant(name + again, (place.node.lineno, place.node.end_lineno or place.node.lineno), mutated)


@dataclass(frozen=True)
class _Place:
    """Where a node hangs."""

    where: str
    holder: ast.AST
    field: str
    index: int | None
    node: ast.stmt | ast.expr

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.holder, self.field, node)
        else:
            getattr(self.holder, self.field)[self.index] = node


def _places(holder: ast.AST, where: str) -> Iterator[_Place]:
    for field, value in ast.iter_fields(holder):
        if field in _LEFT_ALONE:
            continue
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or _is_text(node) or _is_for_types(node):
                continue
            if isinstance(node, ast.stmt | ast.expr):
                yield _Place(where, holder, field, index, node)
            named = isinstance(node, ast.FunctionDef | ast.ClassDef)
            yield from _places(node, f"{where}.{node.name}" if named else where)


def _is_text(node: ast.AST) -> bool:
    inner = node.value if isinstance(node, ast.Expr) else node
    return isinstance(inner, ast.Constant) and isinstance(inner.value, str)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _replacements(place: _Place) -> Iterator[ast.AST]:
    node = place.node
    for kinds, rule in _RULES.items():
        if isinstance(node, kinds):
            yield from rule(node)
    if place.field == "test" and not isinstance(node, ast.Compare | ast.BoolOp | ast.UnaryOp):
        yield ast.UnaryOp(ast.Not(), node)


def _of_return(node: ast.Return) -> Iterator[ast.AST]:
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield ast.Return(ast.Constant(None))


def _of_statement(node: ast.stmt) -> Iterator[ast.AST]:
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        yield ast.Pass()


def _of_comparison(node: ast.Compare) -> Iterator[ast.AST]:
    for position, operator in enumerate(node.ops):
        for other in _COMPARISONS[type(operator)]:
            ops = [other() if at == position else each for at, each in enumerate(node.ops)]
            yield ast.Compare(node.left, ops, node.comparators)


def _of_arithmetic(node: ast.BinOp) -> Iterator[ast.AST]:
    if type(node.op) in _ARITHMETIC:
        yield ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)


def _of_and_or(node: ast.BoolOp) -> Iterator[ast.AST]:
    yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    for position in range(len(node.values)):
        rest = [each for at, each in enumerate(node.values) if at != position]
        yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)


def _of_constant(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield from (ast.Constant(n) for n in dict.fromkeys([value + 1, value - 1, 0 * value]) if n != value)


def _of_name(node: ast.Name | ast.Attribute) -> Iterator[ast.AST]:
    if isinstance(node, ast.Attribute) and node.attr in _OPPOSITES:
        yield ast.Attribute(node.value, _OPPOSITES[node.attr], node.ctx)
    elif isinstance(node, ast.Name) and node.id in _OPPOSITES:
        yield ast.Name(_OPPOSITES[node.id], node.ctx)


_RULES: dict[tuple[type[ast.AST], ...], Callable[..., Iterator[ast.AST]]] = {
    (ast.Return,): _of_return,
    (ast.Expr, ast.Raise, ast.AugAssign, ast.Continue, ast.Break, ast.Delete): _of_statement,
    (ast.Compare,): _of_comparison,
    (ast.BinOp,): _of_arithmetic,
    (ast.BoolOp,): _of_and_or,
    (ast.UnaryOp,): lambda node: iter([node.operand]),
    (ast.Constant,): _of_constant,
    (ast.Name, ast.Attribute): _of_name,
}


def _shown(node: ast.AST) -> str:
    text = " ".join(ast.unparse(ast.fix_missing_locations(node)).split())
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"

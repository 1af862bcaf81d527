"""The trees of a booster, walked for a few rows at a time: what the model server answers small requests with.

XGBoost prepares every call for many rows, which takes ten times as long as scoring one. Treelite's C library finds the
leaf of each tree, and the leaves are added up here as XGBoost adds them: one tree after the other, in float32. So the
margins are the same bit for bit, and a probability or a count differs by its last bit at most.
"""

import ctypes
import json
import threading
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from titlebout.core.features import FeaturePlan

Scoring = Callable[[NDArray[np.float32]], NDArray[np.float64]]
Meaning = Callable[[NDArray[np.float64]], NDArray[np.float64]]

MOST_LEAVES = 2500
"""Rows times trees up to which this is faster than XGBoost; a single row always is."""
TOLERANCE = 1e-6
_PROBES = 256
_SINGLE_PROBES = 64
_MISSING_PROBES = 0.1
_TREES_LOOKED_AT = 50
_FLOAT32, _FLOAT_BYTES = b"float32", 4


class _Leaves(threading.local):
    """Room for the leaves of one row, of each thread its own, behind one free place: that of the base score."""

    def __init__(self, trees: int) -> None:
        room = (ctypes.c_float * (trees + 1))()
        self.numbers: NDArray[np.float32] = np.frombuffer(memoryview(room), np.float32)
        self.place = ctypes.byref(room, _FLOAT_BYTES)


class QuickTrees:
    """Scores of a few rows at a time. Safe to use from several threads at once."""

    def __init__(self, booster: bytes) -> None:
        """Read the trees.

        Args:
            booster: UBJ bytes of an XGBoost model that XGBoost itself has loaded.

        Raises:
            ValueError: They are no model that is understood here.
        """
        import treelite
        from treelite.libpath import find_lib_path

        try:
            self._model = treelite.frontend.from_xgboost_ubjson(bytearray(booster))
        except treelite.TreeliteError as error:
            raise ValueError(str(error)[:200]) from error
        header = self._model.get_header_accessor()
        postprocessor = str(header.get_field("postprocessor"))
        if postprocessor not in _LINKS or self._model.output_type != "float32":
            message = f"scores of the kind {postprocessor!r} are not known"
            raise ValueError(message)
        self._link = _LINKS[postprocessor]
        self._trees = self._model.num_tree
        self._base: NDArray[np.float32] = np.array(header.get_field("base_scores"), dtype=np.float32)
        self._refuse_other_shapes(header.get_field("class_id"))
        self._of_row = _Leaves(self._trees)
        # PyDLL keeps the interpreter's lock: giving it up for microseconds can cost milliseconds to get it back.
        library = ctypes.PyDLL(str(find_lib_path()[0]))
        self._walk = library.TreeliteGTILPredict
        pointer = ctypes.c_void_p
        self._walk.argtypes = [pointer, pointer, ctypes.c_char_p, ctypes.c_uint64, pointer, pointer]
        self._handle, self._leaves_wanted = self._model.handle, pointer()
        wish = json.dumps({"predict_type": "score_per_tree", "nthread": 1}).encode("ascii")
        if library.TreeliteGTILParseConfig(wish, ctypes.byref(self._leaves_wanted)):
            message = "the library that walks trees gives no single leaves"
            raise ValueError(message)

    def suits(self, rows: int) -> bool:
        """Whether so many rows are scored faster here than by XGBoost."""
        return rows == 1 or rows * self._trees <= MOST_LEAVES

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the scores of encoded rows, as the booster gives them.

        Args:
            matrix: float32, shape (n_rows, n_features); NaN is missing.

        Returns:
            float64, shape (n_rows,), or (n_rows, n_classes) for a model of several classes.
        """
        outputs, room = len(self._base), np.empty((len(matrix), self._trees), dtype=np.float32)
        self._walk_to(matrix.tobytes(), len(matrix), room.ctypes.data)
        leaves = room.reshape(len(matrix), -1, outputs)
        leaves[:, 0] += self._base
        margins: NDArray[np.float32] = np.add.accumulate(leaves, axis=1)[:, -1]
        return self._link(margins if outputs > 1 else margins[:, 0])

    def scores_of_row(self, row: Sequence[float]) -> NDArray[np.float64]:
        """Return the score of one encoded row without making a matrix of it.

        Returns:
            float64, shape (1,), or (1, n_classes) for a model of several classes.
        """
        if len(self._base) > 1:
            return self.scores(np.array([row], dtype=np.float32))
        leaves = self._of_row
        self._walk_to(array("f", row).tobytes(), 1, leaves.place)
        leaves.numbers[0] = self._base[0]
        return self._link(np.add.accumulate(leaves.numbers)[-1:])

    def _walk_to(self, matrix: bytes, rows: int, place: object) -> None:
        """Write the leaves of each row to a place in memory."""
        if self._walk(self._handle, matrix, _FLOAT32, rows, place, self._leaves_wanted):
            message = "the trees could not be walked"
            raise RuntimeError(message)

    def difference(
        self, plan: "FeaturePlan", rows: NDArray[np.float32], by_xgboost: Scoring, meaning: Meaning
    ) -> str | None:
        """Say how scores differ from those that XGBoost gives the same rows, or None.

        Beside the given rows there are some that are made of what decides: thresholds of the trees themselves, the
        numbers next to them, every category, *other*, and missing values.

        Args:
            plan: What encodes rows for these trees.
            rows: Rows that count most, encoded: float32, shape (n_rows, n_features).
            by_xgboost: Scores encoded rows by XGBoost.
            meaning: What becomes of scores: their calibration.
        """
        probes = np.concatenate([rows, self._probes(plan)])
        wanted = by_xgboost(probes)
        alone = len(rows) + _SINGLE_PROBES
        singles = [self.scores_of_row(row) for row in probes[:alone].tolist()]
        found = meaning(np.concatenate([self.scores(probes), *singles]))
        wanted = meaning(np.concatenate([wanted, wanted[:alone]]))
        # Not `any(difference > allowed)`: NaN has to count as a difference.
        is_equal = np.abs(found - wanted) <= TOLERANCE * np.maximum(1, np.abs(wanted))
        return None if is_equal.all() else f"{np.count_nonzero(~is_equal)} of {is_equal.size} rows score differently"

    def _refuse_other_shapes(self, class_of_tree: Iterable[object]) -> None:
        """Know only trees of one number each that take turns through the classes."""
        outputs = len(self._base)
        in_turn = [tree % outputs for tree in range(self._trees)]
        if not self._trees or self._trees % outputs or list(class_of_tree) != in_turn:
            message = f"{self._trees} trees of {outputs} outputs are in no order that is known"
            raise ValueError(message)

    def _probes(self, plan: "FeaturePlan") -> NDArray[np.float32]:
        """Return rows where trees divide: float32, shape (256, n_features)."""
        generator, thresholds = np.random.default_rng(0), self._thresholds()
        codes = (len(vocabulary) for vocabulary in plan.vocabularies.values())
        probes = np.empty((_PROBES, len(plan.feature_names)), dtype=np.float32)
        for place, kind in enumerate(plan.feature_types):
            at = np.array(thresholds.get(place, [0.0]), dtype=np.float32)
            beside = [np.nextafter(at, np.float32(end)) for end in (-np.inf, np.inf)]
            values = np.arange(next(codes) + 1) if kind == "c" else np.concatenate([at, *beside])
            probes[:, place] = generator.choice(values, _PROBES)
        probes[generator.random(probes.shape) < _MISSING_PROBES] = np.nan
        return probes

    def _thresholds(self) -> dict[int, list[float]]:
        """Return where some of the trees divide each feature."""
        found: dict[int, list[float]] = {}
        for number in range(0, self._trees, 1 + self._trees // _TREES_LOOKED_AT):
            tree = self._model.get_tree_accessor(number)
            for place, threshold in zip(tree.get_field("split_index"), tree.get_field("threshold"), strict=True):
                found.setdefault(int(place), []).append(float(threshold))
        return found


def _identity(margins: NDArray[np.float32]) -> NDArray[np.float64]:
    return margins.astype(np.float64)


def _exponential(margins: NDArray[np.float32]) -> NDArray[np.float64]:
    return _exp(margins).astype(np.float64)


def _sigmoid(margins: NDArray[np.float32]) -> NDArray[np.float64]:
    # XGBoost's own formula with its own bound, in float32 as there.
    odds = _exp(np.minimum(-margins, np.float32(88.7)))
    found: NDArray[np.float32] = np.float32(1) / (odds + np.float32(1))
    return found.astype(np.float64)


def _softmax(margins: NDArray[np.float32]) -> NDArray[np.float64]:
    shares = _exp(margins - margins.max(axis=1, keepdims=True))
    found: NDArray[np.float32] = shares / shares.sum(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
    return found.astype(np.float64)


def _exp(margins: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round once, as the C library's function nearly does; NumPy's own for float32 is off by up to three last bits."""
    with np.errstate(over="ignore"):  # the largest counts are infinite there too
        found: NDArray[np.float64] = np.exp(margins.astype(np.float64))
        return found.astype(np.float32)


_LINKS: Mapping[str, Scoring] = {
    "identity": _identity,
    "exponential": _exponential,
    "sigmoid": _sigmoid,
    "softmax": _softmax,
}
"""Treelite's name of what turns margins into scores, to the same in XGBoost's arithmetic."""

"""How XGBoost is loaded: with threads that sleep, and without what this project never uses of it."""

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from titlebout.core.machine.openmp import let_threads_sleep

_HIDDEN = ("sklearn", "xgboost.sklearn")
_LATER = {
    **dict.fromkeys(("plot_importance", "plot_tree", "to_graphviz"), "xgboost.plotting"),
    **dict.fromkeys(
        ("XGBClassifier", "XGBModel", "XGBRanker", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor"),
        "xgboost.sklearn",
    ),
}
"""What the package offers and does not have after a lean import, by where it is from."""


def load_xgboost() -> None:
    """Load XGBoost, once per process; `import xgboost` finds it from then on.

    Loading it takes a second, four fifths of it for scikit-learn, scipy.stats and pandas: XGBoost makes estimators
    of its own from scikit-learn's where it finds it. Nothing here uses them, so they are made when somebody else in
    the process asks for one. In a process that has loaded scikit-learn before, nothing is put off.
    """
    let_threads_sleep()
    if "xgboost" in sys.modules:
        return
    if "sklearn" in sys.modules:
        importlib.import_module("xgboost")
        return
    sys.modules.update(dict.fromkeys(_HIDDEN))  # type: ignore[arg-type]  # None is how Python spells "not importable"
    try:
        package = importlib.import_module("xgboost")
    finally:
        for name in _HIDDEN:
            del sys.modules[name]
    _make_later(package)


def _make_later(package: ModuleType) -> None:
    """Have the rest of the package loaded when it is asked for."""

    def load(name: str) -> Any:  # noqa: ANN401  # an attribute of a module may be anything
        if name not in _LATER:
            message = f"module {package.__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        found = getattr(importlib.import_module(_LATER[name]), name)
        setattr(package, name, found)
        return found

    def stratified_folds(**arguments: Any) -> object:  # noqa: ANN401  # handed through as they come
        return importlib.import_module("sklearn.model_selection").StratifiedKFold(**arguments)

    package.__dict__["__getattr__"] = load
    sys.meta_path.insert(0, _LookAgain())
    training = sys.modules["xgboost.training"]
    if find_spec("sklearn"):
        vars(training).update(SKLEARN_INSTALLED=True, XGBStratifiedKFold=stratified_folds)


class _LookAgain:
    """Finds nothing, but has XGBoost look for scikit-learn once more before its estimators are made."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Wait for the estimators' module."""
        if name == "xgboost.sklearn":
            sys.meta_path.remove(self)
            importlib.reload(sys.modules["xgboost.compat"])

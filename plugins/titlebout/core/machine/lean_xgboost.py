"""How XGBoost is loaded: with threads that sleep, and without what this project never uses of it."""

import sys

from titlebout.core.machine.openmp import let_threads_sleep


def load_xgboost() -> None:
    """Load XGBoost, once per process; `import xgboost` finds it from then on.

    Loading it takes a second, four fifths of it for scikit-learn, scipy.stats and pandas: XGBoost makes estimators
    of its own from scikit-learn's where it finds it. Nothing here uses them, so it is not shown the way.
    Scikit-learn itself can be imported as ever afterwards. In a process that has loaded it before, nothing is hidden.
    """
    let_threads_sleep()
    if "xgboost" in sys.modules:
        return
    is_hidden = "sklearn" not in sys.modules
    if is_hidden:
        sys.modules["sklearn"] = None  # type: ignore[assignment]  # None is how Python spells "not importable"
    try:
        import xgboost  # noqa: F401 - for its own sake
    finally:
        if is_hidden:
            del sys.modules["sklearn"]

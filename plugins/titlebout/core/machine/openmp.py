"""How XGBoost's threads wait for each other."""

import os


def let_threads_sleep() -> None:
    """Let a thread that waits sleep instead of spinning; has to be called before XGBoost is loaded.

    OpenMP reads the variable once, when it is loaded. By default a thread that waits for another burns its core,
    which beside one busy process makes training several times slower. A value that is set already stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

"""Which paths the lake takes: checked in one place, for every store alike."""

import re

from titlebout.core.errors import LakePathError

# ASCII, no separator but the slash, nothing hidden: a part never starts with a dot, so `..` and the
# temporary names of a store are out of reach. Percent signs, spaces and backslashes are left out on purpose.
_PART = r"[A-Za-z0-9_=-][A-Za-z0-9_.=-]{0,127}"
_PATH = re.compile(rf"{_PART}(/{_PART}){{0,15}}", re.ASCII)


def checked_path(path: str) -> str:
    """Return the path of an object if it is one.

    >>> checked_path("bike_demand/partitions/2012-06-01/1-0123456789ab/data.parquet")
    'bike_demand/partitions/2012-06-01/1-0123456789ab/data.parquet'

    Raises:
        LakePathError: It is absolute, climbs, is hidden, or holds other characters than ASCII letters,
            digits and ``_ - . =``.
    """
    if isinstance(path, str) and _PATH.fullmatch(path):
        return path
    message = (
        f"{repr(path)[:120]} is no path in the lake; "
        "give relative parts of ASCII letters, digits and _ - . = that do not start with a dot"
    )
    raise LakePathError(message)


def checked_prefix(prefix: str) -> str:
    """Return a folder prefix without its trailing slash; empty means the whole lake.

    >>> checked_prefix("bike_demand/versions/")
    'bike_demand/versions'

    Raises:
        LakePathError: It is no folder of the lake.
    """
    return checked_path(prefix.removesuffix("/")) if prefix else ""


def forgettable_path(path: str) -> str:
    """Return the path of an object that may be deleted: those of an inference log, which hold people's data.

    >>> forgettable_path("demand/inference_log/2024-01-05/0123456789abcdef-00000001-0123456789ab.parquet")[:20]
    'demand/inference_log'

    Raises:
        LakePathError: It is of something else, which is evidence for as long as the lake lives.
    """
    parts = checked_path(path).split("/")
    if len(parts) == 4 and parts[1] == "inference_log":
        return path
    message = f"{path}: only files of an inference log are ever deleted; everything else in the lake is evidence"
    raise LakePathError(message)

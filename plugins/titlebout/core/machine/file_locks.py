"""Locks on files, which the kernel frees when whoever holds one dies."""

import fcntl
from typing import IO


def try_lock(file: int | IO[str] | IO[bytes], *, is_shared: bool = False) -> bool:
    """Lock an open file and say whether that was possible; never wait.

    Args:
        file: Held as long as it is open.
        is_shared: Whether others may hold such a lock too.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

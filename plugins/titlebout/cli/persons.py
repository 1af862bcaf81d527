"""Who runs a command, and whether that person wants to go on."""

import getpass
import os
import sys

from titlebout.core.errors import DecisionRefusedError


def current_user() -> str:
    """Return the name of whoever runs the command, also behind sudo.

    Raises:
        DecisionRefusedError: The system knows none.
    """
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that nobody gave a name
        message = "--by: the system knows no name for this user; give your own"
        raise DecisionRefusedError(message) from None


def confirmed() -> bool:
    """Ask whether to go on.

    Raises:
        DecisionRefusedError: Nobody is there to be asked.
    """
    if not sys.stdin.isatty():
        message = "nobody is there to be asked; give --yes to decide without a question"
        raise DecisionRefusedError(message)
    return input("go on? [y/N] ").strip().lower() in {"y", "yes"}

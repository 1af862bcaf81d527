"""The errors for deliveries that are empty or cannot be read, the same for every format."""

from titlebout.core.errors import PartitionEmptyError, PartitionUnreadableError

SHOWN_CHARACTERS = 80


def empty(where: str, found: str) -> PartitionEmptyError:
    """Return the error about a file without rows."""
    return PartitionEmptyError(
        f"{where}: is empty, {found}; deliver it again with rows, or remove it where the day really has none"
    )


def unreadable(where: str, wanted: str, error: Exception | str) -> PartitionUnreadableError:
    """Return the error about bytes that are not in the declared format."""
    reason = " ".join(str(error).split())[:160]
    remedy = "it may be cut short or of another format, deliver it again"
    if isinstance(error, UnicodeDecodeError):
        remedy = "its texts are in another encoding, deliver it in UTF-8"
    elif "null byte" in reason:
        remedy = "a crash left it so, or its texts are in another encoding; deliver it again in UTF-8"
    return PartitionUnreadableError(f"{where}: is not readable as {wanted}: {reason}; {remedy}")

"""The errors for deliveries and snapshots that are empty or cannot be read, the same for every format."""

from pathlib import Path

from titlebout.core.errors import PartitionEmptyError, PartitionUnreadableError, bounded

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


def damaged_snapshot(path: Path, error: Exception) -> PartitionUnreadableError:
    """Return the error about a snapshot whose bytes are no Parquet, or none that can be decoded."""
    said = bounded(str(error), 120)
    return PartitionUnreadableError(f"{path}: not readable as Parquet ({said}); ingest the partition again")

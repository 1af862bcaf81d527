"""Files and names that outlive a power cut: a crash leaves the old content or the new, never half of one."""

import os
from pathlib import Path


def write_durably(path: Path, content: bytes) -> None:
    """Write a file under a temporary name and rename it; only its owner may read it."""
    temporary = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries: without it a power cut may forget the name of a flushed file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

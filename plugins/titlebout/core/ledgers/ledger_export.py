"""The ledger as a text file: one entry with its hash on each line, so that the file proves itself."""

import errno
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from titlebout.core.errors import LedgerTamperedError
from titlebout.core.ledgers.ledger import LedgerEntry
from titlebout.core.machine.durable_files import sync_folder


def export_line(entry: LedgerEntry) -> str:
    """Write an entry as one line of JSON, without its end."""
    return json.dumps(entry.document(), sort_keys=True)


def read_export(path: Path) -> Iterator[LedgerEntry]:
    """Yield the entries of an export; that their chains hold is not checked here.

    Raises:
        LedgerTamperedError: A line is no entry.
    """
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield LedgerEntry.model_validate(json.loads(line))
            except (ValueError, TypeError) as error:
                message = f"{path}, line {number} is no entry of a ledger; take another export"
                raise LedgerTamperedError(message) from error


def write_export(path: Path, entries: Iterable[LedgerEntry]) -> int:
    """Write entries to a file that appears only when it is whole; return how many they are."""
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))
    count = 0
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii", newline="\n") as file:
            for entry in entries:
                file.write(f"{export_line(entry)}\n")
                count += 1
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return count

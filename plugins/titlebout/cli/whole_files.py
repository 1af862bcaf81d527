"""Files that a command writes: whole, or not at all."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Have a file written under another name beside its place; it takes its place once it is whole.

    A pipe, a device or a link, such as `/dev/stdout`, is written to as it is.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        yield path
        return
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        temporary.touch()
        if path.exists():
            shutil.copymode(path, temporary)  # what only its owner may read stays so
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.filename == str(temporary):
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)

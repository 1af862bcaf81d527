"""Compressed text files: known by their first bytes, read as a stream, and refused where they are cut short."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Mapping
from typing import BinaryIO, Protocol, cast

import pyarrow as pa

from titlebout.core.errors import PartitionUnreadableError

_LONGEST_SIGNATURE_BYTES = 10


class ByteStream(Protocol):
    """What a decoder reads: bytes in order, none at the end."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes."""
        ...


_SIGNATURES: Mapping[str, bytes] = {
    "gzip": b"\x1f\x8b",
    "xz": b"\xfd7zXZ\x00",
    "zstd": b"\x28\xb5\x2f\xfd",
    "lz4": b"\x04\x22\x4d\x18",
}
# A header line may well begin with `BZh`: what follows the level is a block, or the end where there is none.
_BZIP2_NEXT = (b"1AY&SY", b"\x17rE8P\x90")
_SUFFIXES: Mapping[str, str] = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd", ".lz4": "lz4"}
_OPENERS: Mapping[str, Callable[[BinaryIO], ByteStream]] = {
    "gzip": lambda file: cast("ByteStream", gzip.GzipFile(fileobj=file)),
    "bzip2": lambda file: cast("ByteStream", bz2.BZ2File(file)),
    "xz": lambda file: cast("ByteStream", lzma.LZMAFile(file)),  # noqa: SIM115  # whoever opens it closes it
    "zstd": lambda file: cast("ByteStream", pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")),
    "lz4": lambda file: cast("ByteStream", pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "lz4")),
}


def decompressed(file: BinaryIO, where: str) -> ByteStream:
    """Return the text of a file, decompressed where its first bytes say so.

    Args:
        file: Open at its first byte, seekable.
        where: Named in errors; a suffix such as `.gz` that the bytes do not keep is refused.

    Raises:
        PartitionUnreadableError: At once or while reading: the compressed bytes are damaged or cut short.
    """
    start = file.read(_LONGEST_SIGNATURE_BYTES)
    file.seek(0)
    found = next((kind for kind, signature in _SIGNATURES.items() if start.startswith(signature)), None)
    if start.startswith(b"BZh") and start[4:].startswith(_BZIP2_NEXT):
        found = "bzip2"
    promised = next((kind for suffix, kind in _SUFFIXES.items() if where.endswith(suffix)), None)
    # What a download cut to its first bytes leaves has no signature any more.
    if start and promised and found != promised:
        message = f"{where}: does not begin like {promised}, as its name says; it may be cut short, deliver it again"
        raise PartitionUnreadableError(message)
    return _Decompressing(_OPENERS[found](file), found, where) if found else cast("ByteStream", file)


class _Decompressing:
    """Translates what decompressors raise on damaged bytes."""

    def __init__(self, stream: ByteStream, kind: str, where: str) -> None:
        self._stream, self._kind, self._where = stream, kind, where

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._stream.read(size)
        except (EOFError, zlib.error, lzma.LZMAError, ValueError, OSError, pa.ArrowException) as error:
            # Errors of the disk have a number; those of gzip, bzip2 and Arrow have none.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            reason = " ".join(str(error).split())[:160]
            message = f"{self._where}: its {self._kind} compression is damaged or cut short: {reason}; deliver it again"
            raise PartitionUnreadableError(message) from None

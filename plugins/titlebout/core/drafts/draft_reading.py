"""Samples one file of any supported format, in bounded memory."""

from dataclasses import replace
from typing import BinaryIO

from titlebout.core.drafts.draft_csv import blocks_of_lines, csv_sample
from titlebout.core.drafts.draft_sample import Budget, FileSample, utf8_text
from titlebout.core.drafts.draft_structured import json_sample, parquet_sample
from titlebout.core.errors import PartitionUnreadableError
from titlebout.core.reading.decompression import ByteStream, decompressed
from titlebout.core.reading.unreadable import empty


def sample_file(file: BinaryIO, where: str, budget: Budget, delimiter: str | None = None) -> FileSample:
    """Read some rows of a file, which is known by its first bytes.

    Raises:
        PartitionEmptyError: It has no rows.
        PartitionUnreadableError: It is neither CSV in UTF-8, JSON lines nor Parquet.
    """
    start = file.read(4)
    file.seek(0)
    if not start:
        raise empty(where, "it has no content")
    if start == b"PAR1":
        return parquet_sample(file, where, budget)
    if start.startswith(b"PK"):
        message = f"{where}: is a zip archive or a workbook; unpack it, or export it as CSV, JSON lines or Parquet"
        raise PartitionUnreadableError(message)
    stream = decompressed(file, where)
    is_compressed = stream is not file
    head, is_whole = _read(stream, budget.bytes)
    # Cut behind the last whole line; in one that never ends there is nothing to see.
    text = utf8_text(head if is_whole else head[: head.rfind(b"\n") + 1], where)
    match text.lstrip()[:1]:
        case "":
            raise empty(where, "it has no content")
        case "{":
            found = json_sample(text, where, budget)
            return replace(found, is_whole=found.is_whole and is_whole, is_compressed=is_compressed)
        case "[":
            message = f"{where}: is a JSON array; write JSON lines, one object per line"
            raise PartitionUnreadableError(message)
    blocks = [] if is_whole or is_compressed else [*blocks_of_lines(file, len(head), where)]
    found = csv_sample([text, *blocks], where, budget, delimiter)
    return replace(found, is_whole=found.is_whole and is_whole, is_compressed=is_compressed)


def _read(stream: ByteStream, limit: int) -> tuple[bytes, bool]:
    """Return up to so many bytes, and whether that was all."""
    pieces, size = [], 0
    while size < limit and (piece := stream.read(limit - size)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces), not (size >= limit and stream.read(1))

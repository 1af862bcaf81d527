"""Checks a text stream while it is parsed: encoding, null bytes, open quotes and endless lines."""

import codecs
import threading

from titlebout.core.errors import PartitionUnreadableError
from titlebout.core.reading.decompression import ByteStream
from titlebout.core.reading.unreadable import unreadable

LARGEST_LINE_BYTES = 1 << 20
BLOCK_BYTES = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class TextGuard:
    """Passes on the bytes of a UTF-8 text, and remembers what explains a failure later.

    A parser may read from a thread of its own and ahead of what it has parsed; the lock keeps bytes in order
    when `drain` reads on after it has failed.
    """

    def __init__(self, stream: ByteStream, wanted: str, where: str) -> None:
        """Take the stream, and how the format is called in errors."""
        self._stream, self._wanted, self._where = stream, wanted, where
        self._lock = threading.Lock()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._tail, self._line_bytes, self._quotes, self._bytes = b"", 0, 0, 0
        self._returned = b""
        self._is_stopped, self._is_at_start = False, True

    closed = False

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes.

        Raises:
            PartitionUnreadableError: They are no UTF-8, hold a null byte, or a line never ends.
        """
        with self._lock:
            if self._is_stopped:
                return b""
            return self._next(size)

    def take_header(self) -> bytes:
        """Return the first line that is not blank, without byte order mark and line end; a quote may span lines."""
        with self._lock:
            text = self._next(BLOCK_BYTES).lstrip(b"\r\n")
            is_quoted, start = False, 0
            while True:
                for position, byte in enumerate(text[start:], start):
                    if byte == ord('"'):
                        is_quoted = not is_quoted
                    elif byte in b"\r\n" and not is_quoted:
                        self._returned = text[position:]
                        return text[:position]
                start = len(text)
                more = self._next(BLOCK_BYTES) if start <= LARGEST_LINE_BYTES else b""
                if not more:
                    return text
                text += more

    def has_rest(self) -> bool:
        """Whether anything but blanks follows what was read; blanks are passed over."""
        with self._lock:
            while not self._returned.strip():
                self._returned = b""
                self._returned = self._next(BLOCK_BYTES)
                if not self._returned:
                    return False
            return True

    def drain(self) -> None:
        """Read to the end, and give a parser that still reads nothing more."""
        with self._lock:
            self._is_stopped = True
            while self._next(BLOCK_BYTES):
                pass

    def stop(self) -> None:
        """Give a parser that still reads nothing more, so that the file below can be closed."""
        with self._lock:
            self._is_stopped = True

    @property
    def has_open_quote(self) -> bool:
        """Whether a quote was opened and not closed in what was read."""
        return self._quotes % 2 == 1

    @property
    def is_last_line_open(self) -> bool:
        """Whether the text does not end with a line end."""
        return not self._tail.endswith((b"\n", b"\r"))

    @property
    def last_line(self) -> bytes:
        """The last line without its end, as far as it was kept."""
        return self._tail.rstrip(b"\r\n").rsplit(b"\n", maxsplit=1)[-1]

    def _next(self, size: int) -> bytes:
        if self._returned:
            size = len(self._returned) if size < 0 else size
            chunk, self._returned = self._returned[:size], self._returned[size:]
            return chunk
        chunk = self._stream.read(size)
        self._watch(chunk)
        if self._is_at_start:
            self._is_at_start = False
            chunk = chunk.removeprefix(_BYTE_ORDER_MARK) or chunk
        return chunk

    def _watch(self, chunk: bytes) -> None:
        self._refuse_other_encodings(chunk)
        self._quotes += chunk.count(b'"')
        self._tail = (self._tail + chunk)[-2 * LARGEST_LINE_BYTES :] if len(chunk) < LARGEST_LINE_BYTES else chunk
        ends = [end for end in (chunk.find(b"\n"), chunk.find(b"\r")) if end >= 0]
        if self._line_bytes + (min(ends) if ends else len(chunk)) > LARGEST_LINE_BYTES:
            message = (
                f"{self._where}: a line is longer than {LARGEST_LINE_BYTES >> 20} MiB; "
                "correct the line, or dataset.source.format where this is no such file"
            )
            raise PartitionUnreadableError(message)
        last_end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        self._line_bytes = len(chunk) - last_end - 1 if ends else self._line_bytes + len(chunk)

    def _refuse_other_encodings(self, chunk: bytes) -> None:
        try:
            self._decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            raise unreadable(self._where, f"{self._wanted} in UTF-8", error) from None
        if b"\0" in chunk:
            raise unreadable(self._where, f"{self._wanted} in UTF-8", "it holds a null byte")

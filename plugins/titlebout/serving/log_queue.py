"""Lines of the inference log that wait to be written.

They wait in pieces of what will be one write each. Adding to a piece is all that a request pays, and none of it is
anything that the collector of garbage would have to look through.
"""

import threading
from collections import deque
from dataclasses import dataclass, field
from itertools import accumulate

from titlebout.serving.log_writer import NamedRelease

PIECE_BYTES = 2**18


@dataclass(eq=False)
class Piece:
    """Lines of requests to one release, in the order of their answers.

    Attributes:
        release: What scored them.
        lines: Of each request.
        rows: Of each request.
        size_bytes: Of all lines.
        is_open: Whether requests may be added to it.
    """

    release: NamedRelease
    lines: list[bytes] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    size_bytes: int = 0
    is_open: bool = True

    def beginning(self, room_bytes: int) -> int:
        """Return how many of its requests are written where there is so much room; the last may go beyond it."""
        if self.size_bytes <= room_bytes:
            return len(self.lines)
        ends = accumulate(map(len, self.lines), initial=0)
        return min(len(self.lines), sum(end < room_bytes for end in ends))


class LogQueue:
    """Pieces that wait. Safe to use from several threads, of which one at a time takes pieces out.

    Attributes:
        rows: How many wait.
        size_bytes: What they take.
    """

    def __init__(self) -> None:
        """Start at nothing."""
        self._pieces: deque[Piece] = deque()
        self._lock = threading.Lock()
        self.rows = self.size_bytes = 0

    def __len__(self) -> int:
        """Return how many pieces wait."""
        return len(self._pieces)

    def add(self, release: NamedRelease, rows: int, lines: bytes) -> None:
        """Have the lines of a request wait."""
        with self._lock:
            self.rows += rows
            self.size_bytes += len(lines)
            piece = self._pieces[-1] if self._pieces else None
            if piece is None or not piece.is_open or piece.release is not release or piece.size_bytes >= PIECE_BYTES:
                piece = Piece(release)
                self._pieces.append(piece)
            piece.lines.append(lines)
            piece.rows.append(rows)
            piece.size_bytes += len(lines)

    def front(self) -> Piece:
        """Return the oldest piece, to which nothing is added from now on; it goes on waiting."""
        with self._lock:
            piece = self._pieces[0]
            piece.is_open = False
            return piece

    def drop_front(self) -> None:
        """Forget the oldest piece: it is written, or left out."""
        with self._lock:
            piece = self._pieces.popleft()
            self.rows -= sum(piece.rows)
            self.size_bytes -= piece.size_bytes

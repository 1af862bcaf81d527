"""The inference log of a server: requests wait in memory for a moment, then they are on its disk.

A request is logged before its answer is sent. It waits in a queue of bounded length until a thread has written it,
a tenth of a second as a rule. So a server that is told to end loses nothing, as it writes the queue first; one that is
killed loses what is in the queue, at most `max_queued_rows` and the rows of one request. Whatever the disk does,
answers are given: what cannot be written waits, and what cannot wait is counted and left out.
"""

import itertools
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from titlebout.core.inference_log.log_lines import FORMAT, SegmentHead, line
from titlebout.core.inference_log.log_policy import LogPolicy
from titlebout.core.inference_log.log_port import WaitingSegment
from titlebout.core.machine.durable_files import write_durably
from titlebout.serving.log_metrics import LogCounts
from titlebout.serving.log_queue import LogQueue, Piece
from titlebout.serving.log_segments import LogSegments
from titlebout.serving.log_writer import LineWriter, NamedRelease
from titlebout.serving.scored_request import ScoredRequest
from titlebout.serving.settings import ServingSettings

PAUSE_SECONDS = 0.1
SYNC_SECONDS = 1.0
RETRY_SECONDS = 1.0
REMINDER_SECONDS = 60.0
SEGMENT_BYTES = 8 * 2**20
# Rows are bounded by the policy; one may still hold a text of megabytes.
MOST_QUEUED_BYTES = 2**26
LOG_FOLDER, POLICY_FILE = "log", "policy.json"

_logger = logging.getLogger(__name__)


class InferenceLog:
    """Write down what was answered, as the policy says; nothing until there is one."""

    def __init__(self, settings: ServingSettings) -> None:
        """Take the folder of the log over and go on with the policy that was in force there."""
        self._model, self._instance = settings.model, settings.instance
        folder = settings.state_dir / LOG_FOLDER
        self._segments, self._file = LogSegments(folder, settings.instance), folder / POLICY_FILE
        policy = _kept_policy(self._file)
        self._policy, self._max_waiting_bytes = policy, policy.max_waiting_bytes
        self._indexes = itertools.count()
        self._writer = LineWriter(policy, self._indexes) if policy.enabled else None
        self._queue = LogQueue()
        self._named: set[int] = set()
        self._numbers = itertools.count(1)
        self._written = 0
        self._dropped: Counter[str] = Counter()
        self._retry_at = self._synced_at = self._reminded_at = 0.0
        self._counting, self._writing, self._collecting = threading.Lock(), threading.Lock(), threading.Lock()
        self._wake, self._is_closing = threading.Event(), False
        self._thread: threading.Thread | None = None
        if policy.enabled:
            self._start()

    def observe(self, request: ScoredRequest) -> None:
        """Take a request that was scored.

        Its lines are made here: handing the rows to the thread would make both wait for the interpreter, which costs
        several times as much as the lines do.
        """
        writer, queue = self._writer, self._queue
        if writer is None or not writer.policy.takes(request.request_id):
            return
        rows = len(request.rows)
        if queue.rows >= writer.policy.max_queued_rows or queue.size_bytes >= MOST_QUEUED_BYTES:
            self._drop("queue_full", rows)
            return
        try:
            release, lines = writer.lines(next(self._numbers), request)
        except (TypeError, ValueError, KeyError):
            _logger.exception("inference log: request %s cannot be written; this is a bug", request.request_id)
            self._drop("unwritable", rows)
            return
        queue.add(release, rows, lines)
        if queue.rows * 2 >= writer.policy.max_queued_rows:
            self._wake.set()

    def configure(self, policy: LogPolicy) -> None:
        """Log as a policy says from now on, and after a restart.

        Raises:
            OSError: The disk does not take the policy; the one before stays in force.
        """
        with self._writing:
            if policy == self._policy:
                return
            write_durably(self._file, policy.model_dump_json().encode())
            self._attempt(self._write_queue)
            self._attempt(self._segments.close)
            self._policy, self._max_waiting_bytes = policy, policy.max_waiting_bytes
            self._writer = LineWriter(policy, self._indexes) if policy.enabled else None
            if policy.enabled:
                self._start()
        _logger.info("inference log of %s: %s", self._model, "on" if policy.enabled else "off")

    def seal(self) -> list[WaitingSegment]:
        """Return what waits on the disk, with everything that was answered before."""
        with self._collecting:
            with self._writing:
                self._attempt(self._write_queue)
                self._attempt(self._segments.close)
            # Not while the writer waits: hundreds of megabytes that nobody has collected are hashed here.
            return self._segments.waiting()

    def content(self, name: str) -> bytes | None:
        """Return the bytes of a segment that waits; None where there is none of that name."""
        return self._segments.content(name)

    def forget(self, name: str, sha256: str) -> bool:
        """Delete a segment that was collected; False where it is another than was collected."""
        with self._collecting, self._writing:
            return self._segments.forget(name, sha256)

    def counts(self) -> LogCounts:
        """Return what the metrics say."""
        with self._counting:
            written, dropped = self._written, dict(self._dropped)
        return LogCounts(self._queue.rows, written, dropped, self._segments.count, self._segments.total_bytes)

    def close(self) -> None:
        """Write what waits and end the thread; what the disk does not take now is lost, and said in the log."""
        self._is_closing = True
        self._wake.set()
        if self._thread:
            self._thread.join()
        with self._writing:
            self._retry_at = 0.0
            self._attempt(self._write_queue)
            self._attempt(self._segments.close)
            self._writer = None
        if rows := self._queue.rows:
            _logger.error("inference log: %d rows were answered and not written; the disk does not take them", rows)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="inference-log", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._is_closing:
            self._wake.wait(PAUSE_SECONDS)
            self._wake.clear()
            if time.monotonic() < self._retry_at:
                time.sleep(PAUSE_SECONDS)  # the queue is full and keeps waking
                continue
            with self._writing:
                self._attempt(self._write_queue)
                self._attempt(self._look_after_segment)
            self._remind()

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do something to the disk. Where that fails, what waits goes on waiting."""
        try:
            work()
        except OSError as error:
            _logger.warning("inference log of %s: %s; trying again, answers go on", self._model, error)
            self._retry_at = time.monotonic() + RETRY_SECONDS
            self._segments.abandon()

    def _write_queue(self) -> None:
        """Append what waits.

        Raises:
            OSError: The disk does not take it now; nothing has left the queue.
        """
        # What comes meanwhile waits for the next turn: each turn makes the requests wait for the interpreter once.
        for _ in range(len(self._queue)):
            piece = self._queue.front()
            written = self._append(piece)
            with self._counting:
                self._written += sum(piece.rows[:written])
            self._drop("disk_full", sum(piece.rows[written:]))
            self._queue.drop_front()
            if self._segments.size >= SEGMENT_BYTES:
                self._segments.close()

    def _append(self, piece: Piece) -> int:
        """Write the requests of a piece for which there is room, and return how many those are.

        Raises:
            OSError: The disk does not take them; none is written.
        """
        written = piece.beginning(self._max_waiting_bytes - self._segments.total_bytes)
        if written:
            self._segments.append(b"".join([self._heading(piece.release), *piece.lines[:written]]))
        return written

    def _drop(self, why: str, rows: int) -> None:
        if rows:
            with self._counting:
                self._dropped[why] += rows

    def _heading(self, release: NamedRelease) -> bytes:
        """Return what must stand before the lines of a release: a segment is opened and names its releases.

        Raises:
            OSError: No segment could be opened.
        """
        heading = b""
        if not self._segments.is_open:
            self._segments.open()
            self._named.clear()
            heading = line(SegmentHead(format=FORMAT, model=self._model, server=self._instance).model_dump(mode="json"))
        if release.index not in self._named:
            self._named.add(release.index)
            heading += release.line
        return heading

    def _look_after_segment(self) -> None:
        if time.monotonic() - self._synced_at >= SYNC_SECONDS:
            self._synced_at = time.monotonic()
            self._segments.sync()
        if self._segments.age_seconds >= self._policy.flush_seconds:
            self._segments.close()

    def _remind(self) -> None:
        with self._counting:
            dropped = dict(self._dropped)
        if dropped and time.monotonic() - self._reminded_at >= REMINDER_SECONDS:
            self._reminded_at = time.monotonic()
            _logger.warning("inference log of %s: rows left out since the start: %s", self._model, dropped)


def _kept_policy(file: Path) -> LogPolicy:
    """Return the policy of before the restart. One that cannot be read may forbid what we would log: nothing is."""
    try:
        return LogPolicy.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return LogPolicy()
    except (OSError, ValidationError):
        _logger.error("%s is not readable, so nothing is logged; deploy the model again", file)  # noqa: TRY400  # a damaged file needs no stack
        return LogPolicy()

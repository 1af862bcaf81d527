"""Encoded rows on their way into XGBoost: in memory, or in a temporary file where they would not fit."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from titlebout.core.errors import UnavailableError

BATCH_BYTES = 32 << 20
_BYTES_PER_VALUE = 4


class EncodedRows:
    """A matrix of float32 that is written once, row after row, and then read in batches as often as needed.

    Where a batch ends depends on the number of features alone: not on partitions, memory or threads.
    """

    def __init__(self, features: int, folder: Path | None = None) -> None:
        """Start without rows; without a folder they stay in memory."""
        self.features = features
        self.rows_per_batch = max(1, BATCH_BYTES // (_BYTES_PER_VALUE * max(1, features)))
        self.rows = 0
        self._parts: list[NDArray[np.float32]] = []
        self._folder = folder
        self._file: BinaryIO | None = None

    @classmethod
    def of(cls, matrix: NDArray[np.float32]) -> Self:
        """Take a whole matrix: float32, shape (n_rows, n_features)."""
        encoded = cls(matrix.shape[1])
        encoded.append(matrix)
        return encoded

    def reserve(self, rows: int) -> None:
        """Get the memory for all rows at once: parts that are put together later would need it twice."""
        if self._folder is None:
            self._parts = [np.empty((rows, self.features), dtype=np.float32)]

    def append(self, matrix: NDArray[np.float32]) -> None:
        """Add rows at the end.

        Raises:
            UnavailableError: The disk is full or refuses to write.
        """
        stop = self.rows + len(matrix)
        if self._folder is not None:
            self._write(np.ascontiguousarray(matrix, dtype=np.float32))
        elif not self._parts:
            self._parts = [matrix]
        else:
            self._parts[0][self.rows : stop] = matrix
        self.rows = stop

    def batches(self, start: int, stop: int) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Yield rows from `start` to `stop` in batches, each with its position.

        Raises:
            UnavailableError: The disk cannot be read.
        """
        for first in range(start, stop, self.rows_per_batch):
            part = slice(first, min(first + self.rows_per_batch, stop))
            yield part, self._read(part)

    def forget(self) -> None:
        """Give memory and disk back: XGBoost has its own, smaller copy by now."""
        self._parts = []
        if self._file is not None:
            self._file.close()

    def _read(self, part: slice) -> NDArray[np.float32]:
        if self._folder is None:
            return self._parts[0][part]
        if self._file is None:
            return np.empty((0, self.features), dtype=np.float32)
        try:
            self._file.seek(part.start * self.features * _BYTES_PER_VALUE)
            values = np.fromfile(self._file, dtype=np.float32, count=(part.stop - part.start) * self.features)
        except OSError as error:
            raise _no_disk(self._folder, error) from error
        return values.reshape(-1, self.features)

    def _write(self, matrix: NDArray[np.float32]) -> None:
        folder = self._folder or Path(tempfile.gettempdir())
        try:
            if self._file is None:
                # Without a name: it is gone with the process, however that ends.
                self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115  # closed by `forget`
            view = matrix.reshape(-1).view(np.uint8).data
            while len(view):
                view = view[os.write(self._file.fileno(), view) :]
        except OSError as error:
            raise _no_disk(folder, error) from error


def _no_disk(folder: Path, error: OSError) -> UnavailableError:
    message = (
        f"{folder}: no room for the encoded rows of the training: {error.strerror}; make room, then clear the task"
    )
    return UnavailableError(message)

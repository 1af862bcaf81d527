"""A column of texts, judged by its distinct texts where it is stored as a dictionary."""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from titlebout.core.arrow_numpy import fixed_width_values, presence

Mask = NDArray[np.bool_]
# Python's strings are large: this many at a time.
_TEXTS_AT_ONCE = 65_536


class ColumnTexts:
    """Texts of one column: plain, or as distinct texts and positions in them."""

    def __init__(self, texts: pa.ChunkedArray) -> None:
        self._texts = texts

    def __getitem__(self, row: int) -> str | None:
        """Return one row's text."""
        text: str | None = self._texts[row].as_py()
        return text

    def rows_where(self, test: Callable[[pa.Array], Mask]) -> Mask | None:
        """Find rows by their text.

        Args:
            test: Says for each text of an array whether it is one of those; of a missing one, anything.

        Returns:
            Shape (n_rows,), False where there is no text; None if no row is found.
        """
        found = [_chunk_rows(chunk, test) for chunk in self._texts.chunks]
        if all(rows is None for rows in found):
            return None
        chunks = zip(self._texts.chunks, found, strict=True)
        return np.concatenate([np.zeros(len(chunk), bool) if rows is None else rows for chunk, rows in chunks])

    @cached_property
    def _encoded(self) -> list[pa.DictionaryArray]:
        plain = not pa.types.is_dictionary(self._texts.type)
        encoded = self._texts.dictionary_encode() if plain else self._texts.unify_dictionaries()
        return list(encoded.chunks)

    @cached_property
    def words(self) -> pa.Array:
        """Distinct texts, possibly with some that no row holds."""
        return self._encoded[-1].dictionary if self._encoded else pa.nulls(0, pa.string())

    @cached_property
    def codes(self) -> NDArray[np.int32]:
        """Each row's position in `words`, -1 where there is no text: shape (n_rows,)."""
        indices = pa.chunked_array([chunk.indices for chunk in self._encoded], pa.int32())
        codes: NDArray[np.int32] = fixed_width_values(indices, np.int32)
        has_text = presence(indices)
        return codes if has_text is None else np.where(has_text, codes, np.int32(-1))

    @cached_property
    def counts(self) -> NDArray[np.intp]:
        """How many rows hold each of `words`."""
        return np.bincount(self.codes + 1, minlength=len(self.words) + 1)[1:]

    def repeated_rows(self) -> Mask | None:
        """Find the rows whose text another row has too."""
        repeated = self.counts > 1
        if not repeated.any():
            return None
        rows: Mask = np.append(repeated, False)[self.codes]  # -1, no text, is the one appended
        return rows

    def distinct_where(self, test: Callable[[pa.Array], Mask]) -> list[str]:
        """Return the distinct texts of which a test is true, in no order."""
        found = np.flatnonzero(test(self.words) & (self.counts > 0))
        return [self.words[int(position)].as_py() for position in found]


def each_text(predicate: Callable[[str], bool]) -> Callable[[pa.Array], Mask]:
    """Turn a question about one text into a test of an array of texts."""

    def test(texts: pa.Array) -> Mask:
        slices = (texts.slice(start, _TEXTS_AT_ONCE).to_pylist() for start in range(0, len(texts), _TEXTS_AT_ONCE))
        answers = (text is not None and predicate(text) for some in slices for text in some)
        return np.fromiter(answers, dtype=bool, count=len(texts))

    return test


def _chunk_rows(chunk: pa.Array, test: Callable[[pa.Array], Mask]) -> Mask | None:
    has_text = presence(pa.chunked_array([chunk]))
    if isinstance(chunk, pa.DictionaryArray):
        found = test(chunk.dictionary)
        if not found.any():
            return None
        codes = fixed_width_values(pa.chunked_array([chunk.indices]), np.int32)
        rows: Mask = found[codes if has_text is None else np.where(has_text, codes, 0)]
    else:
        rows = test(chunk)
    if has_text is not None:
        rows = rows & has_text
    return rows if rows.any() else None

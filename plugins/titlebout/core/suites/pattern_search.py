"""Searches texts for a pattern as pandas does: by Arrow's engine where it agrees with Python's `re`, else by `re`."""

import re
import warnings
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from titlebout.core.arrow_numpy import flag_values, text_bytes
from titlebout.core.suites.column_texts import Mask, each_text
from titlebout.core.suites.decoded_column import NotCompilableError

# An escape with a letter or digit; of these, the engines agree on the first few where all text is ASCII.
_ESCAPE = re.compile(r"\\(?:([dDwWb])|([0-9A-Za-z]))", re.ASCII)

_LAST_ASCII, _NEWLINE = 127, 10


def matcher(regex: str) -> Callable[[pa.Array], Mask]:
    """Return a test of texts: whether the pattern is found somewhere in each.

    Raises:
        NotCompilableError: Only one of the engines takes the pattern, or they may read it differently.
    """
    pattern = _compile(regex)
    escapes = [match.groups() for match in _ESCAPE.finditer(regex.replace(r"\\", ""))]
    needs_ascii = bool(escapes)
    needs_one_line = "$" in regex  # to `re`, it also stands before a newline at the end

    def search_by_arrow(texts: pa.Array) -> Mask:
        return flag_values(pa.chunked_array([pc.match_substring_regex(texts, regex)])).view(np.bool_)

    search_by_re = each_text(lambda text: pattern.search(text) is not None)
    if any(other for _, other in escapes):
        return search_by_re

    def search(texts: pa.Array) -> Mask:
        characters = text_bytes(texts)
        if needs_ascii and characters.max(initial=0) > _LAST_ASCII:
            return search_by_re(texts)
        if needs_one_line and (characters == _NEWLINE).any():
            return search_by_re(texts)
        return search_by_arrow(texts)

    return search


def _compile(regex: str) -> re.Pattern[str]:
    message = f"pattern {regex[:60]!r} is matched by Great Expectations alone"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            pattern = re.compile(regex)
        pc.match_substring_regex(pa.nulls(1, pa.string()), regex)  # Arrow says whether it takes the pattern
    except (re.error, Warning, OverflowError, pa.ArrowException) as error:
        raise NotCompilableError(message) from error
    if pattern.flags != re.UNICODE or r"\Z" in regex or "[[" in regex:
        raise NotCompilableError(message)
    return pattern

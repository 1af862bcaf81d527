"""Boosters trained on a matrix in memory."""

from titlebout.core.learning.encoded_rows import EncodedRows
from titlebout.core.learning.quantile_matrix import LabelledRows
from titlebout.core.learning.training import learn


def train_booster(training, plan, matrix, labels, weights=None, *, validation_rows=0) -> bytes:
    rows = LabelledRows(EncodedRows.of(matrix), labels, weights)
    return learn(training, plan, rows, validation_rows=validation_rows).ubj

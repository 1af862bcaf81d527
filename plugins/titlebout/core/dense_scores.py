"""XGBoost's scores of a batch, by its C interface.

Its Python package looks at the kind of the data first and makes classes for the answer, which takes a quarter of the
time of a hundred rows. Source: `XGBoosterPredictFromDense` in https://xgboost.readthedocs.io/en/stable/c.html.
"""

import ctypes
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xgboost

_SETTINGS = (
    b'{"type":0,"training":false,"iteration_begin":0,"iteration_end":0,"missing":NaN,"strict_shape":false,"cache_id":0}'
)
_Numbers, _Sizes = ctypes.POINTER(ctypes.c_float), ctypes.POINTER(ctypes.c_uint64)


class DenseScores:
    """Scores of one booster. Safe to use from several threads at once: each has an answer of its own."""

    def __init__(self, booster: "xgboost.Booster") -> None:
        """Take a booster; it stays as it is."""
        from xgboost.libpath import find_lib_path

        self._booster = booster  # its handle is good as long as it lives
        # The library is loaded already; of this object the types of the arguments are its own.
        self._predict = ctypes.CDLL(str(find_lib_path()[0])).XGBoosterPredictFromDense
        by_address = ctypes.POINTER(_Sizes), _Sizes, ctypes.POINTER(_Numbers)
        self._predict.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, *by_address]

    def __call__(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score rows.

        Args:
            matrix: float32, shape (n_rows, n_features), at least one row; NaN is missing.

        Returns:
            float32, shape (n_rows,), or (n_rows, n_classes): to the bit what `Booster.inplace_predict` gives.

        Raises:
            RuntimeError: The rows have another number of features than the booster.
        """
        rows = np.ascontiguousarray(matrix, dtype=np.float32)
        where = b'{"data":[%d,true],"shape":[%d,%d],"typestr":"<f4","version":3}' % (rows.ctypes.data, *rows.shape)
        shape, dimensions, found = _Sizes(), ctypes.c_uint64(), _Numbers()
        by_address = ctypes.byref(shape), ctypes.byref(dimensions), ctypes.byref(found)
        if self._predict(self._booster.handle, where, _SETTINGS, None, *by_address):
            message = "XGBoost did not score the rows"
            raise RuntimeError(message)
        scores = np.empty(shape[: dimensions.value], dtype=np.float32)
        ctypes.memmove(scores.ctypes.data, found, scores.nbytes)  # the thread's next call writes over it
        return scores

"""A BentoML service around the same trees; `bentoml serve bento_service:Demand`, with MODEL_FILE in the environment."""

import os

import bentoml
import numpy as np
import xgboost


@bentoml.service(workers=1, metrics={"enabled": True})
class Demand:
    """Scores encoded rows."""

    def __init__(self) -> None:
        self.booster = xgboost.Booster({"nthread": 1})
        self.booster.load_model(os.environ["MODEL_FILE"])

    @bentoml.api
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Score rows."""
        return self.booster.inplace_predict(rows.astype(np.float32), missing=np.nan)

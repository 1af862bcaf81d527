"""Whether XGBoost can compute on a graphics card here. Without one it falls back to the CPU and hardly says so."""

import json

from titlebout.core.errors import SpecError


def refuse_missing_card() -> None:
    """Raise where `training.device: cuda` would not be honoured.

    Raises:
        SpecError: XGBoost was built without CUDA, or sees no card.
    """
    import numpy as np
    import xgboost

    remedy = "set training.device to cpu, or train where a card is visible (nvidia-smi lists it)"
    if not xgboost.build_info().get("USE_CUDA"):
        message = f"training.device: cuda: the installed XGBoost was built without CUDA; {remedy}"
        raise SpecError(message)
    try:
        with xgboost.config_context(verbosity=0):
            rows = xgboost.QuantileDMatrix(np.zeros((2, 1), dtype=np.float32), label=np.array([0, 1]))
            booster = xgboost.train({"device": "cuda", "verbosity": 0}, rows, num_boost_round=1)
        found = json.loads(booster.save_config())["learner"]["generic_param"]["device"]
    except xgboost.core.XGBoostError as error:
        message = f"training.device: cuda: XGBoost cannot use it: {str(error).splitlines()[0]}; {remedy}"
        raise SpecError(message) from error
    if not found.startswith("cuda"):
        message = f"training.device: cuda: no graphics card is visible to this process; {remedy}"
        raise SpecError(message)

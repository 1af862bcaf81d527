"""The folder that MLflow takes for a model: the booster, what describes it, and an example. Nothing is a pickle."""

import json
import math
from collections.abc import Mapping
from typing import Any

import yaml

from titlebout.core.tracking import ModelExample

FOLDER = "model"
MODEL_FILE = "model.ubj"
EXAMPLE_FILE = "input_example.json"


def model_folder(files: Mapping[str, bytes], example: ModelExample | None) -> dict[str, bytes]:
    """Return the files of the folder by path; with `MLmodel` where there is a booster.

    Args:
        files: A version's files by name.
        example: Encoded rows and what the booster says of them.
    """
    found = {f"{FOLDER}/{name}": content for name, content in files.items()}
    if MODEL_FILE in files:
        described = _description() if example is None else {**_description(), **_signed(example)}
        found[f"{FOLDER}/MLmodel"] = yaml.safe_dump(described).encode()
        if example is not None:
            found[f"{FOLDER}/{EXAMPLE_FILE}"] = _example_json(example)
    return found


def _description() -> dict[str, Any]:
    """Let `mlflow.xgboost` and `mlflow.pyfunc` load the booster."""
    return {
        "artifact_path": FOLDER,
        "flavors": {
            "xgboost": {"data": MODEL_FILE, "model_class": "xgboost.core.Booster", "model_format": "ubj"},
            "python_function": {"data": MODEL_FILE, "loader_module": "mlflow.xgboost"},
        },
    }


def _signed(example: ModelExample) -> dict[str, Any]:
    """Say what the booster takes and gives: encoded features, and the score before any calibration."""
    import numpy as np
    import pandas as pd
    from mlflow.models import infer_signature

    frame = pd.DataFrame(example.rows, columns=list(example.feature_names))
    signature = infer_signature(frame, np.asarray(example.outputs, dtype=np.float32))
    return {
        "signature": signature.to_dict(),
        "saved_input_example_info": {
            "artifact_path": EXAMPLE_FILE,
            "type": "dataframe",
            "pandas_orient": "split",
        },
    }


def _example_json(example: ModelExample) -> bytes:
    # Not NaN, which is no JSON: null is what MLflow reads back as NaN.
    rows = [[None if math.isnan(value) else float(value) for value in row] for row in example.rows]
    return json.dumps({"columns": list(example.feature_names), "data": rows}).encode()

"""Airflow's assets of a model: what its DAGs change, for lineage and for other teams' DAGs."""

from airflow.sdk import Asset


def model_asset(model: str, what: str) -> Asset:
    """Name what a task changes; each event carries the partition key.

    Args:
        model: Name of the model.
        what: `partition`, `challenger`, `champion`, `log`, or `kept`: a night is over and the champion stays.
    """
    return Asset(name=f"{model}_{what}", uri=f"x-titlebout://{model}/{what}")

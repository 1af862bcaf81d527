"""What the steps of the inference log return."""

from titlebout.core.results import PartitionKey, Result


class CollectedLog(Result):
    """What was brought from a server to the lake."""

    model: str
    has_server: bool = True
    segments: int = 0
    rows: int = 0
    partitions: tuple[PartitionKey, ...] = ()


class PrunedLog(Result):
    """What was deleted from the lake because its time was over."""

    model: str
    files: int = 0
    partitions: tuple[PartitionKey, ...] = ()

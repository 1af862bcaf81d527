"""Where `titlebout new` gets rows to look at: local files, objects of a bucket, or a query."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from titlebout.connection_fields import ConnectionFields
from titlebout.core.drafts.draft_model import ModelDraft
from titlebout.core.drafts.draft_rows import RawRows
from titlebout.core.drafts.draft_spec import Origin
from titlebout.core.reading.partition_query import PartitionQuery
from titlebout.core.results import PartitionKey

SAMPLED_FILES = 40
SAMPLED_ROWS = 300_000
SAMPLED_BYTES = 64 << 20


@dataclass
class Look:
    """What was seen at the source, before anything is concluded.

    Attributes:
        raw: Sampled rows.
        origin: The section `dataset.source`.
        connection: Of the source, as it is or as it is to be defined.
        keys: Partitions that the paths name; empty: days are known by the rows only.
        without_place: The origin if the day in the paths turns out not to be that of the rows.
        remarks: What the user should know.
        query_of: Writes the query of a drafted model; None: the source needs none.
        span_of: Returns the first and last day of the time column; None: the sample tells.
    """

    raw: RawRows
    origin: Origin
    connection: ConnectionFields
    keys: tuple[PartitionKey, ...] = ()
    without_place: Origin | None = None
    remarks: list[str] = field(default_factory=list)
    query_of: Callable[[str, ModelDraft], PartitionQuery] | None = None
    span_of: Callable[[str], tuple[date, date]] | None = None


def spread_over(count: int, wanted: int) -> list[int]:
    """Choose positions from all over a list, the first and the last among them.

    >>> spread_over(10, 4)
    [0, 3, 6, 9]
    """
    if count <= wanted:
        return list(range(count))
    return sorted({round((count - 1) * number / (wanted - 1)) for number in range(wanted)})

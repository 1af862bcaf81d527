"""The section `performance` of a model spec: how well what was predicted came true, and when that is a loss."""

from typing import Self

from pydantic import Field, model_validator

from titlebout.core.specs.spec_section import ColumnName, SpecSection


class PerformanceSection(SpecSection):
    """When the champion predicts worse than when it won, by labels that came since."""

    newest_partitions: int = Field(
        default=3, ge=1, le=60, description="n of k-of-n: the newest partitions with labels that are looked at."
    )
    lost_partitions: int = Field(default=2, ge=1, le=60, description="k of k-of-n: how many of them must be worse.")
    smallest_loss: float = Field(
        default=0.05, ge=0, le=10, description="Less is no loss: share of the champion's error when it won its bout."
    )
    false_alarm_rate: float = Field(
        default=0.02, gt=0, le=0.2, description="Share of ordinary partitions that may look worse by chance."
    )
    min_rows: int = Field(default=10, ge=1, description="A partition with fewer labelled rows is no evidence.")
    min_labelled_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="With fewer labels than this a partition is estimated: labels that come first are no fair sample.",
    )
    cooldown_days: int = Field(
        default=3, ge=0, description="Days of data between two findings, or two warnings of a kind, about a champion."
    )
    act_on_estimates: bool = Field(
        default=False, description="Let a loss that is only estimated, without labels, ask for a retrain as well."
    )
    request_id_column: ColumnName | None = Field(
        default=None,
        description="Key column that requests to the server bear as their x-request-id, where it is no feature.",
    )
    label_partitions: int = Field(
        default=1,
        ge=0,
        le=400,
        description="Rows that a server scored are looked up in the partition of the answer, the one before, and "
        "so many after it: more, where what is asked about happens later.",
    )

    @model_validator(mode="after")
    def _k_is_at_most_n(self) -> Self:
        if self.lost_partitions > self.newest_partitions:
            message = "lost_partitions must not exceed newest_partitions"
            raise ValueError(message)
        return self


def refuse_unknown_request_id(performance: PerformanceSection, keys: tuple[ColumnName, ...]) -> None:
    """Refuse a request id that names no row.

    Args:
        performance: The section.
        keys: `dataset.key_columns`.

    Raises:
        ValueError: The column is no key.
    """
    column = performance.request_id_column
    if column is not None and column not in keys:
        message = f"performance.request_id_column: {column} is not among dataset.key_columns ({', '.join(keys)})"
        raise ValueError(message)

"""The section `serving` of a model spec: what the model server writes down about the requests that it answers."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from titlebout.core.specs.skew_spec import SkewSection
from titlebout.core.specs.spec_section import ColumnName, SpecSection

EVERY_OTHER = "default"
"""Key under `columns` for all fields that are not named."""


class ColumnPolicy(StrEnum):
    """What the inference log keeps of a field."""

    VALUE = "value"
    HASH = "hash"
    DROP = "drop"


class LogSection(SpecSection):
    """The inference log: what was asked, what was answered, by which version."""

    enabled: bool = Field(default=False, description="Needs deployment.target process or docker.")
    sample_rate: float = Field(
        default=1.0, gt=0, le=1, description="Share of requests that is logged, chosen by the request's id."
    )
    flush_seconds: float = Field(
        default=300.0, ge=1, le=86_400, description="A file of the server is closed, and can be collected, this often."
    )
    max_queued_rows: int = Field(
        default=10_000,
        ge=100,
        le=1_000_000,
        description="Rows that may wait in the server's memory. So many a killed server may lose at most; beyond them "
        "rows are not logged, and counted.",
    )
    max_waiting_mebibytes: int = Field(
        default=512,
        ge=1,
        le=1_048_576,
        description="Disk of the server for rows that were not collected yet; beyond it they are not logged, and "
        "counted.",
    )
    retention_days: int | None = Field(
        default=None, ge=1, le=36_500, description="Partitions of the log are deleted so long after they ended."
    )
    columns: dict[ColumnName, ColumnPolicy] = Field(
        default_factory=dict,
        description="Feature to value, hash (HMAC-SHA-256 with a secret key) or drop; `default` stands for all others "
        "and is value.",
    )
    key_conn_id: str = Field(
        default="titlebout_log_key", description="Connection whose password is the key of the hashes."
    )

    @property
    def of_others(self) -> ColumnPolicy:
        """What is kept of a field that is not named."""
        return self.columns.get(EVERY_OTHER, ColumnPolicy.VALUE)

    @property
    def of_named(self) -> dict[ColumnName, ColumnPolicy]:
        """What is kept of the fields that are."""
        return {name: policy for name, policy in self.columns.items() if name != EVERY_OTHER}

    @property
    def has_hashes(self) -> bool:
        """Whether a key is needed."""
        return ColumnPolicy.HASH in {self.of_others, *self.columns.values()}


class ServingSection(SpecSection):
    """What the model server does besides answering."""

    log: LogSection = LogSection()
    skew: SkewSection = SkewSection()

    @model_validator(mode="after")
    def _policies_are_of_use(self) -> Self:
        log = self.log
        if log.model_fields_set and "enabled" not in log.model_fields_set:
            message = "log says how to log but not to log; add enabled: true, or false where that is meant"
            raise ValueError(message)
        return self


def refuse_unknown_log_columns(serving: ServingSection, features: tuple[ColumnName, ...], *, has_server: bool) -> None:
    """Refuse a policy for what is no field of a request, and a log that nobody could write.

    Args:
        serving: The section.
        features: The columns that a request holds.
        has_server: Whether the model has a server.

    Raises:
        ValueError: The policy names something else.
    """
    if serving.log.enabled and not has_server:
        message = "serving.log.enabled: deployment.target none has no server that could log; switch the log off"
        raise ValueError(message)
    unknown = sorted(set(serving.log.of_named) - set(features))
    if unknown:
        message = (
            f"serving.log.columns: {', '.join(unknown)} is no feature, so no request holds it; "
            f"name some of {', '.join(features)}, or {EVERY_OTHER}"
        )
        raise ValueError(message)

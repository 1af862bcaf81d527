"""The section `alerts` of a model spec: who is told what."""

import re
from enum import StrEnum
from typing import Self

from pydantic import Field, field_validator, model_validator

from titlebout.core.specs.spec_section import SpecSection

_ADDRESS = re.compile(r"[^@\s<>,;\"]{1,64}@[^@\s<>,;\"]{1,255}", re.ASCII)


class AlertCause(StrEnum):
    """What a person may be told."""

    PARTITION_REJECTED = "partition_rejected"
    PARTITION_LATE = "partition_late"
    DRIFT_FOUND = "drift_found"
    RETRAIN_STOPPED = "retrain_stopped"
    PERFORMANCE_LOST = "performance_lost"
    CHAMPION_CHANGED = "champion_changed"
    RELEASE_ASKED = "release_asked"
    TRIAL_KEPT = "trial_kept"
    TRIAL_FAILED = "trial_failed"
    RELEASE_FAILED = "release_failed"
    ROLLED_BACK = "rolled_back"
    CHAMPION_STALE = "champion_stale"
    SKEW_FOUND = "skew_found"
    LEDGER_TAMPERED = "ledger_tampered"


class AlertsSection(SpecSection):
    """Messages about this model, by mail, to a webhook, or both. Hosts and secrets are in Airflow connections."""

    mail_to: tuple[str, ...] = Field(default=(), description="Recipients; sent through the connection `mail_conn_id`.")
    mail_conn_id: str = Field(default="titlebout_mail", description="Connection of the SMTP server.")
    webhook: bool = Field(default=False, description="Post each message to the connection `webhook_conn_id`.")
    webhook_conn_id: str = Field(default="titlebout_webhook", description="Connection of a Slack-compatible webhook.")
    causes: tuple[AlertCause, ...] = Field(
        default=tuple(AlertCause), min_length=1, description="What is told; default: all."
    )
    quiet_hours: float = Field(
        default=12,
        ge=0,
        le=24 * 30,
        description="So long after a message nothing more of its cause is sent; it is kept.",
    )
    stale_after_days: float | None = Field(
        default=None, gt=0, description="Tell when the champion learned from nothing newer than this; empty: never."
    )

    @property
    def is_on(self) -> bool:
        """Whether anybody is told anything."""
        return bool(self.mail_to) or self.webhook

    @field_validator("mail_to")
    @classmethod
    def _addresses_are_addresses(cls, mail_to: tuple[str, ...]) -> tuple[str, ...]:
        for address in mail_to:
            if not _ADDRESS.fullmatch(address):
                message = f"{address[:80]!r} is no mail address such as ann@example.org"
                raise ValueError(message)
        return mail_to

    @model_validator(mode="after")
    def _staleness_is_told_to_somebody(self) -> Self:
        if self.stale_after_days is not None and AlertCause.CHAMPION_STALE not in self.causes:
            message = "stale_after_days is given and champion_stale is not among the causes"
            raise ValueError(message)
        return self

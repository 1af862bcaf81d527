"""What a step and a model server agree on about a trial: route, what is pushed, and how it stands."""

from datetime import datetime
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from titlebout.core.live_trials.trial_counts import TrialCounts
from titlebout.core.ports import ReleaseBundle
from titlebout.core.specs.release_spec import ReleaseStrategy
from titlebout.core.specs.spec_section import ColumnName, Name
from titlebout.core.wire import ReleasePush, SentFile, VersionName

ADMIN_TRIAL_PATH = "/admin/trial"


class TrialOffer(BaseModel):
    """A candidate's part in one step of a trial. The trial's token names the trial, and fences it off older ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Name
    version: VersionName
    token: int = Field(ge=1, strict=True, description="Ledger sequence of the entry that started the trial.")
    champion: VersionName
    champion_token: int = Field(ge=1, description="Of the release that it is tried against; another one ends it.")
    strategy: ReleaseStrategy
    step: int = Field(ge=0)
    percent: int = Field(ge=0, le=100, description="Share of the requests that the candidate answers.")
    sticky_by: ColumnName | None = None
    ends_at: AwareDatetime = Field(description="From then on the champion answers alone, whoever still watches.")
    max_latency_ratio: float = Field(gt=1)
    threshold: float | None = None
    slices: tuple[ColumnName, ...] = ()

    def is_same_step(self, other: Self) -> bool:
        """Whether what was counted of the other offer speaks of this one too: only its end may differ."""
        return self == other.model_copy(update={"ends_at": self.ends_at})

    @property
    def salt(self) -> str:
        """What makes the share of this trial another one than that of the next."""
        return salt_of(self.model, self.token)


def salt_of(model: str, token: int) -> str:
    """Return the salt of a trial's share: whoever reads the log computes the same one."""
    return f"{model}:{token}"


class TrialPush(BaseModel):
    """Body of `PUT /admin/trial`: starts a trial, or its next step; sent again it changes nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    offer: TrialOffer
    files: dict[str, SentFile]

    @classmethod
    def of(cls, offer: TrialOffer, bundle: ReleaseBundle) -> Self:
        """Wrap an offer and the candidate's bundle."""
        return cls(offer=offer, files=ReleasePush.of(bundle, token=offer.token).files)

    def bundle(self) -> ReleaseBundle:
        """Unwrap the bundle; nothing of it has been parsed.

        Raises:
            CorruptObjectError: A file is missing, too many, or not what was sent.
        """
        offer = self.offer
        push = ReleasePush(model=offer.model, version=offer.version, token=offer.token, files=self.files)
        return push.bundle()


class TrialStatus(BaseModel):
    """Answer of `PUT` and `GET /admin/trial`: what runs, and what was counted in its present step."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    offer: TrialOffer
    is_running: bool = Field(description="Whether the candidate scores requests at this moment.")
    instance: str = Field(description="Run of the server; what was counted survives its restart.")
    counted_since: datetime
    counts: TrialCounts = TrialCounts()

"""What a server counts while a trial runs: sums and histograms of bounded size."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt

BINS = 200
"""Bins of a quantity in [0, 1]; a distance is known to half a percent of the champion's spread."""

Bins = dict[NonNegativeInt, NonNegativeInt]


class Differences(BaseModel):
    """Paired differences, candidate less champion, in the model's unit: one for each request, the mean of its rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(default=0, ge=0)
    mean: FiniteFloat = 0.0
    squares: FiniteFloat = Field(default=0.0, ge=0, description="Sum of the squared distances from the mean.")
    largest: FiniteFloat = Field(default=0.0, ge=0, description="Largest distance of one row.")

    def plus(self, other: Self) -> Self:
        """Add more differences to these.

        T. F. Chan, G. H. Golub, R. J. LeVeque, Updating formulae and a pairwise algorithm for computing sample
        variances, 1979.
        """
        count = self.count + other.count
        if not count:
            return self
        apart = other.mean - self.mean
        return type(self)(
            count=count,
            mean=self.mean + apart * other.count / count,
            squares=self.squares + other.squares + apart * apart * self.count * other.count / count,
            largest=max(self.largest, other.largest),
        )


class SliceCounts(BaseModel):
    """One value of a column that slices are made by."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int = Field(default=0, ge=0)
    difference: FiniteFloat = Field(default=0.0, description="Sum of the paired differences.")

    def plus(self, other: Self) -> Self:
        """Add more rows to these."""
        return type(self)(rows=self.rows + other.rows, difference=self.difference + other.difference)


class TrialCounts(BaseModel):
    """One step of a trial.

    A pair is one request that both models scored, off the path of its answer. Pairs are what the judgement rests on:
    same rows, same thread, one after the other.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    answered_champion: int = Field(default=0, ge=0, description="Requests that the champion answered.")
    asked_candidate: int = Field(default=0, ge=0, description="Requests that were the candidate's to answer.")
    fallbacks: int = Field(default=0, ge=0, description="Of those: it failed, and the champion answered.")
    pairs: int = Field(default=0, ge=0, description="Requests that both were asked about.")
    left_out: int = Field(default=0, ge=0, description="Requests that there was no time to score twice.")
    candidate_errors: int = Field(default=0, ge=0, description="Pairs where it failed and the champion did not.")
    champion_errors: int = Field(default=0, ge=0, description="Pairs where the champion failed; they prove nothing.")
    slow: int = Field(default=0, ge=0, description="Pairs where the candidate took too many times as long.")
    distance: Bins = Field(default={}, description="Bin of [0, 1] to pairs: mean distance, share of the spread.")
    shift: Bins = Field(default={}, description="Bin of [-1, 1] to pairs: mean difference, share of the spread.")
    disagreement: Bins = Field(default={}, description="Bin of [0, 1] to pairs: share of rows decided otherwise.")
    differences: Differences = Differences()
    seconds: dict[str, tuple[NonNegativeInt, ...]] = Field(default={}, description="Role to latency histogram.")
    scores: dict[str, tuple[NonNegativeInt, ...]] = Field(
        default={}, description="Role to the rows between the deciles of the champion's golden scores."
    )
    slices: dict[str, SliceCounts] = Field(default={}, description="`column=value` to its rows.")

    @property
    def total_variation(self) -> float | None:
        """Distance of the two models' score distributions on the same rows, from 0 (equal) to 1 (nothing shared)."""
        ours, theirs = self.scores.get("candidate", ()), self.scores.get("champion", ())
        if not sum(ours) or not sum(theirs) or len(ours) != len(theirs):
            return None
        shares = ((one / sum(ours), other / sum(theirs)) for one, other in zip(ours, theirs, strict=True))
        return sum(abs(one - other) for one, other in shares) / 2

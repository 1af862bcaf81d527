"""The section `validation` of a model spec: the suite at the door, and the contract checks beside it."""

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from titlebout.core.specs.spec_section import Name, SpecSection


class CheckSeverity(StrEnum):
    """What a failed contract check leads to: nothing is looked at, a note, or quarantine."""

    OFF = "off"
    WARNING = "warning"
    CRITICAL = "critical"


def _off_is_no_flag(given: object) -> object:
    """YAML 1.1 reads the bare word `off` as false."""
    return CheckSeverity.OFF if given is False else given


Severe = Annotated[CheckSeverity, BeforeValidator(_off_is_no_flag)]


class ContractCheck(SpecSection):
    """A contract check without a limit of its own: one bad row is too many."""

    severity: Severe = CheckSeverity.CRITICAL


class ContractNote(SpecSection):
    """A contract check without a limit of its own, whose failure is worth a look and no more."""

    severity: Severe = CheckSeverity.WARNING


class RowCountCheck(ContractCheck):
    """Rows outside the band that good days before this one span."""

    tolerance: float = Field(
        default=0.4, gt=0, lt=1, description="Missing this share of the usual rows is never a failure; 0.4 allows 60 %."
    )
    spreads: float = Field(
        default=6.0, gt=0, description="So many robust standard deviations of the logarithm are allowed, if more."
    )


class FrozenColumnCheck(ContractCheck):
    """One value all day, or none at all, in a column that had several on every good day before."""

    usual_values: int = Field(
        default=5, ge=2, le=100, description="Distinct values that half of the good days have; fewer: not judged."
    )


class NullShareCheck(ContractCheck):
    """More missing values than on any good day before, by far."""

    tolerance: float = Field(default=0.1, gt=0, le=1, description="Share of rows above the usual share.")


class UnseenShareCheck(ContractCheck):
    """Rows whose category no good day before this one had."""

    limit: float = Field(default=0.2, gt=0, le=1, description="Share of rows.")


class LeakCheck(ContractCheck):
    """A feature that is the target under another name, or predicts it alone better than is credible."""

    limit: float = Field(
        default=0.98, gt=0.5, le=1, description="R² of the target's ranks, or AUC of a binary target, out of fold."
    )


class ChecksSection(SpecSection):
    """The contract checks. Each can be switched off, and be a warning or critical."""

    columns: ContractCheck = Field(ContractCheck(), description="Exactly the declared columns, in their types.")
    unique_key: ContractCheck = Field(ContractCheck(), description="No two rows share `dataset.key_columns`.")
    partition_day: ContractCheck = Field(ContractCheck(), description="Rows of the partition's own interval only.")
    target: ContractCheck = Field(ContractCheck(), description="Labels that the objective can learn.")
    target_varies: ContractNote = Field(ContractNote(), description="Labels are not all alike.")
    leak: LeakCheck = LeakCheck()
    row_count: RowCountCheck = RowCountCheck()
    frozen_column: FrozenColumnCheck = FrozenColumnCheck()
    null_share: NullShareCheck = NullShareCheck()
    new_category: ContractNote = Field(ContractNote(), description="Categories that no good day before had.")
    unseen_share: UnseenShareCheck = UnseenShareCheck()
    # With fewer, one odd day among them decides what is usual.
    min_history_days: int = Field(
        default=8, ge=3, le=28, description="Good days among the 28 before; with fewer, what needs them is not judged."
    )


class ValidationSection(SpecSection):
    """Which Great Expectations suite guards the door, and which contract checks stand beside it."""

    suite: Name = Field(description="The suite lies in `expectations/<suite>.json`.")
    checks: ChecksSection = ChecksSection()

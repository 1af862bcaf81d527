"""Drift accounts without profiles or a lake, for pages to show."""

import hashlib
from typing import Any

from titlebout.core.drift_accounts.drift_account import (
    ChangeAccount,
    ColumnAccount,
    DayAccount,
    DistanceAccount,
    DistributionAccount,
    DriftAccount,
    ErrorAccount,
    EventAccount,
    PerformanceAccount,
    ScoreAccount,
    ShareAccount,
)
from titlebout.core.drift_accounts.drift_reported import DriftReported
from titlebout.core.drift_accounts.staleness import Growth, Staleness, StalenessBin
from titlebout.core.drifting.drift_results import DriftFinding, DriftReport
from titlebout.core.layout import drift_report_path
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry
from titlebout.core.partitions import keys_between
from titlebout.core.ports import Lake, Ledger

CHAMPION = "2024-01-08-aaaaaaaaaaaa"
DAYS = tuple(keys_between("2024-01-01", "2024-01-12"))
LOOKED_AT = DAYS[-3:]


def a_distribution(*, is_numeric: bool = True, name: str = "", **changes: Any) -> DistributionAccount:
    """Return a distribution of three bins."""
    names = ("1 to 2", "2 to 3", "3 to 4") if is_numeric else (name or "clear", "rain", "")
    return DistributionAccount(
        is_numeric=is_numeric,
        bins=tuple(
            ShareAccount(each, *shares) for each, shares in zip(names, ((0.5, 0.2), (0.5, 0.8), (0, 0)), strict=True)
        ),
        missing=ShareAccount("missing", 0.0, 0.25),
        unseen=ShareAccount("new values", 0.0, 0.125),
        **changes,
    )


def a_column(name: str, excess: float = 0.5, **changes: Any) -> ColumnAccount:
    """Return a column that is calm until the days that were looked at."""
    calm = {key: ChangeAccount("spread", 0.1, 0.2) for key in DAYS if key not in LOOKED_AT}
    last = {key: ChangeAccount("location", 1.2, excess) for key in LOOKED_AT}
    return ColumnAccount(name=name, changes=calm | last, **changes)


def a_report(*, has_found: bool = True, columns: tuple[str, ...] = ("temperature",), **changes: Any) -> DriftReport:
    """Return what a look said."""
    finding = DriftFinding(
        model="demand",
        champion=CHAMPION,
        newest_partition=DAYS[-1],
        drifted_partitions=LOOKED_AT[1:],
        columns=dict.fromkeys(columns, 2.5),
        fingerprint="0123456789ab",
    )
    values = {
        "model": "demand",
        "champion": CHAMPION,
        "looked_at": LOOKED_AT,
        "finding": finding if has_found else None,
        "reason": "2 of the newest 3 partitions drift" if has_found else "0 of the newest 3 partitions drift",
    }
    return DriftReport.model_validate(values | changes)


def an_account(*, has_found: bool = True, **changes: Any) -> DriftAccount:
    """Return the account of a look; every part of it is there."""
    values: dict[str, Any] = {
        "report": a_report(has_found=has_found),
        "partition": DAYS[-1],
        "trained": (DAYS[0], DAYS[6]),
        "rules": {"newest_partitions": 3, "drifted_partitions": 2},
        "days": tuple(a_day(key) for key in DAYS),
        "columns": (
            a_column(
                "temperature",
                2.5 if has_found else 0.5,
                distribution=a_distribution(),
                distances=DistanceAccount(population_stability=0.31),
            ),
            a_column("weather", 0.6, distribution=a_distribution(is_numeric=False)),
        ),
        "events": (EventAccount(partition=DAYS[8], kind="release_settled", words=f"{CHAMPION} was released"),),
        "metric": "rmse",
        "errors": tuple(ErrorAccount(partition=key, champion=9.0, challenger=8.0, constant=20.0) for key in DAYS[-4:]),
        "performance_metric": "rmse",
        "performance": (
            PerformanceAccount(partition=DAYS[-2], version=CHAMPION, realised=9.5),
            PerformanceAccount(
                partition=DAYS[-1], version=CHAMPION, estimated=11.0, estimated_low=9.0, estimated_high=13.0
            ),
        ),
        "scores": tuple(
            ScoreAccount(partition=key, version=CHAMPION, low=1.0, middle=2.0, high=3.0) for key in LOOKED_AT
        ),
        "staleness": Staleness(
            metric="rmse",
            bins=(
                StalenessBin(from_days=0, to_days=1, bouts=4, champions=4, against_fresh=Growth(0.01, -0.05, 0.07)),
                StalenessBin(
                    from_days=1, to_days=3, bouts=2, champions=1, against_fresh=Growth(-0.02), against_own=Growth(0.3)
                ),
            ),
        ),
    }
    return DriftAccount.model_validate(values | changes)


def publish_report(ledger: Ledger, lake: Lake, account: DriftAccount) -> LedgerEntry:
    """Put a report where `report_drift` does."""
    content = account.document()
    sha256 = hashlib.sha256(content).hexdigest()
    path = drift_report_path(account.report.model, account.partition, sha256)
    lake.publish(path, content)
    reported = DriftReported(
        model=account.report.model,
        partition=account.partition,
        data_sha256="0" * 64,
        champion=account.report.champion,
        fingerprint=account.report.finding.fingerprint if account.report.finding else None,
        reason=account.report.reason,
        path=path,
        sha256=sha256,
        page_path=path,
    )
    return ledger.append(reported.model, EntryKind.DRIFT_REPORTED, reported.as_json(), actor="step:report_drift")


def a_day(key: str, **changes: Any) -> DayAccount:
    """Return a good day of the account, or another one."""
    values = {
        "partition": key,
        "status": "accepted",
        "rows": 24,
        "is_trained": key <= DAYS[6],
        "is_looked_at": key in LOOKED_AT,
    }
    return DayAccount.model_validate(values | changes)

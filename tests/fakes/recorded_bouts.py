"""Bouts as `compare_with_champion` leaves them in ledger and lake, from made-up scores: no model is trained."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from fakes.demand_days import DemandWorld
from fakes.specs import demand_spec
from fakes.tracked import a_challenger
from titlebout.core.bouts.bout_account import BoutAccount
from titlebout.core.bouts.bout_checks import Grouping, ScoredPartition
from titlebout.core.bouts.comparison import Bout
from titlebout.core.layout import bout_path
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry
from titlebout.core.partitions import keys_between
from titlebout.core.ports import Lake, Ledger
from titlebout.core.results import SnapshotRef, Verdict

NIGHT = "2024-02-10"
HOLDOUT = tuple(keys_between("2024-02-04", NIGHT))
CHALLENGER, CHAMPION = f"{NIGHT}-aaaaaaaaaaaa", "2024-02-01-bbbbbbbbbbbb"


def a_bout(*, champion: bool = True, **spec: Any) -> Bout:
    """Return a bout of two versions that nobody trained."""
    refs = [
        SnapshotRef(partition=key, revision=1, data_path=f"p/{key}", data_sha256="0" * 64, rows=40, max_time=None)
        for key in HOLDOUT
    ]
    opponent = a_challenger("demand", CHAMPION) if champion else None
    return Bout(demand_spec(**spec), NIGHT, a_challenger("demand", CHALLENGER), opponent, refs)


def scores(
    *, champion: bool = True, binary: bool = False, worse_in: str = "", names: Mapping[int, str] | None = None
) -> dict[str, ScoredPartition]:
    """Return 40 rows a day, in the groups `clear` and `rain`; the challenger is better but in the group `worse_in`."""
    rng = np.random.default_rng(0)
    values = tuple((names or {0: "clear", 1: "rain"}).values())
    found = {}
    for key in HOLDOUT:
        codes = np.arange(40) % 2
        truth, noise = rng.uniform(0.1, 0.9, size=40), rng.normal(size=40)
        labels = (rng.uniform(size=40) < truth).astype(float) if binary else 100 * truth
        scale = 0.1 if binary else 10.0
        centre = truth if binary else labels
        spread = np.where([values[code] == worse_in for code in codes], 4.0, 0.5)
        ours, theirs = centre + scale * spread * noise, centre + scale * noise
        if binary:
            ours, theirs = np.clip(truth, 0.01, 0.99), np.clip(truth + 0.3 * noise, 0.01, 0.99)
        found[key] = ScoredPartition(labels, ours, theirs if champion else None, {"weather": Grouping(codes, values)})
    return found


def record(ledger: Ledger, lake: Lake | None, account: BoutAccount | Verdict) -> LedgerEntry:
    """Store a bout; without a lake as releases did that stored nothing beside the verdict."""
    verdict = account.verdict if isinstance(account, BoutAccount) else account
    payload: dict[str, Any] = {"verdict": verdict.as_json()}
    if lake and isinstance(account, BoutAccount):
        content = account.document()
        sha256 = hashlib.sha256(content).hexdigest()
        path = bout_path(verdict.model, verdict.partition, verdict.challenger, sha256)
        lake.publish(path, content)
        payload |= {"account_path": path, "account_sha256": sha256}
    return ledger.append(verdict.model, EntryKind.VERDICT_REACHED, payload, actor="run:night")


def trained_version() -> DemandWorld:
    """Return a world in which one version was trained."""

    world = DemandWorld()
    world.deliver_days("2024-01-01", "2024-01-13")
    world.train("2024-01-13")
    return world


def copy_version(world: DemandWorld, ledger: Ledger, lake: Lake) -> None:
    """Copy a version into other stores, without its partitions."""
    for path in world.lake.list_paths("demand/versions"):
        lake.publish(path, world.lake.read(path))
    for entry in world.ledger.entries("demand", kinds={EntryKind.CHALLENGER_TRAINED}):
        ledger.append("demand", entry.kind, entry.payload, actor=entry.actor)

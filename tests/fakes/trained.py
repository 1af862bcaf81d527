"""Versions as training, bouts and releases leave them behind, without training anything."""

from collections.abc import Sequence

from fakes.demand_days import DemandWorld
from fakes.tracked import a_challenger, a_verdict
from titlebout.core.layout import version_manifest
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.results import TrainedChallenger, TrainingProof


def add_version(world: DemandWorld, night: str, training: Sequence[str], holdout: Sequence[str]) -> TrainedChallenger:
    """Publish a version that learned from the newest revisions of some days, and record it."""
    partitions, model = world.ledger.state(world.spec.name).partitions, world.spec.name
    proof = TrainingProof(
        training=tuple(partitions[key].ref() for key in training),
        holdout=tuple(partitions[key].ref() for key in holdout),
    )
    number = sum(entry.kind is EntryKind.CHALLENGER_TRAINED for entry in world.ledger.entries(model))
    version = f"{night}-{number:012x}"
    made = a_challenger(model, version).model_copy(update={"proof": proof})
    world.lake.publish(version_manifest(model, version), made.model_dump_json().encode())
    trained = {"version": version, "partition": night, "model_sha256": made.model_sha256, "run_url": None}
    world.ledger.append(model, EntryKind.CHALLENGER_TRAINED, trained, actor=f"run:{night}")
    return made


def add_bout(world: DemandWorld, made: TrainedChallenger, champion: TrainedChallenger | None) -> None:
    """Record a verdict on a version: promoted, on the holdout of its manifest."""
    verdict = a_verdict(made.model, made.version, gain=0.1).model_copy(
        update={
            "champion": champion.version if champion else None,
            "holdout": tuple(ref.partition for ref in made.proof.holdout),
        }
    )
    world.ledger.append(made.model, EntryKind.VERDICT_REACHED, {"verdict": verdict.as_json()}, actor="run:bout")

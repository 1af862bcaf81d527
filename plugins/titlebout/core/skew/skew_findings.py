"""Decides which differences are findings that a person is told."""

from collections.abc import Iterable, Iterator, Mapping

from titlebout.core.errors import bounded, first_few
from titlebout.core.fingerprints import fingerprint_of
from titlebout.core.results import PartitionKey
from titlebout.core.skew.skew_report import GoldenReplay, PartitionSkew, SkewFinding, SkewKind
from titlebout.core.specs.skew_spec import SkewSection

MOST_NAMED = 5


def golden_findings(model: str, replay: GoldenReplay, newest: PartitionKey | None) -> Iterator[SkewFinding]:
    """Yield that the live server is wrong, if it is.

    The newest accepted partition tells one night from another.
    """
    if replay.problem and replay.version and newest:
        yield _finding(model, SkewKind.GOLDEN, replay.version, newest, {}, replay.problem)


def partition_findings(model: str, limits: SkewSection, seen: Iterable[PartitionSkew]) -> Iterator[SkewFinding]:
    """Yield which partitions of the log differ too much: features by the limits of the spec, scores at all."""
    for each in seen:
        yield from _features(model, limits, each)
        for score in each.scores:
            if score.differing:
                message = (
                    f"{score.differing} of {score.rows} scores that {score.version} logged are not what it gives for "
                    f"the features beside them, by {score.largest:.3g} at most"
                )
                share = {score.version: score.differing / score.rows}
                yield _finding(model, SkewKind.SCORES, score.version, each.partition, share, message)


def _features(model: str, limits: SkewSection, seen: PartitionSkew) -> Iterator[SkewFinding]:
    shares = {
        field.column: field.share
        for field in sorted(seen.fields, key=lambda field: -field.share)
        if not field.is_history and field.compared >= limits.min_rows and field.share > limits.max_share
    }
    if not shares:
        return
    version = max(seen.versions, key=lambda name: (seen.versions[name], name))
    named = first_few([f"{name} in {share:.1%}" for name, share in shares.items()], MOST_NAMED)
    message = f"the server was asked about {seen.partition} with other values than were delivered: {named}"
    yield _finding(model, SkewKind.FEATURES, version, seen.partition, shares, f"{message} of {seen.compared_rows} rows")


def _finding(
    model: str, kind: SkewKind, version: str, partition: PartitionKey, columns: Mapping[str, float], message: str
) -> SkewFinding:
    return SkewFinding(
        model=model,
        kind=kind,
        version=version,
        newest_partition=partition,
        columns=dict(columns),
        message=bounded(message),
        fingerprint=fingerprint_of(model, kind, version, partition, *sorted(columns)),
    )

"""What the bytes of one snapshot say by themselves: evaluated once, kept in the lake, read by later days."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pydantic import Field, JsonValue

from titlebout.core.contract.contract import CheckResult, Contract, canonical
from titlebout.core.contract.partition_statistics import PartitionStatistics, gather
from titlebout.core.contract.snapshot_file import SnapshotFile
from titlebout.core.contract.static_checks import StaticChecks
from titlebout.core.errors import CorruptObjectError, LakeConflictError, ObjectMissingError, PartitionUnreadableError
from titlebout.core.layout import findings_path
from titlebout.core.ports import Lake, PartitionValidator
from titlebout.core.results import ExpectationFailure, Result, Snapshot, is_passed
from titlebout.core.sealed_json import opened, sealed

logger = logging.getLogger(__name__)

_NAME = "findings"


class Findings(Result):
    """Suite, checks without history, and statistics: a function of the bytes, the suite and the spec.

    It knows nothing of other days and of what became of this one: so it is the same whoever asks, and when.
    """

    evaluated: int = Field(ge=0, description="Expectations of the suite.")
    suite_failures: tuple[ExpectationFailure, ...]
    details: dict[str, JsonValue] = Field(description="Every expectation in the engine's words.")
    checks: tuple[CheckResult, ...]
    statistics: PartitionStatistics

    @property
    def failures(self) -> tuple[ExpectationFailure, ...]:
        """What did not hold, of the suite and of the checks."""
        return (*self.suite_failures, *(failure for check in self.checks for failure in check.failures))

    @property
    def is_good(self) -> bool:
        """Whether later days may take this one for what is usual."""
        return is_passed(self.evaluated, self.failures)


@dataclass(frozen=True)
class Appraiser:
    """Finds out, or reads, what snapshots say by themselves."""

    contract: Contract
    suite: Mapping[str, JsonValue]
    suite_sha256: str
    lake: Lake
    validator: PartitionValidator
    _known: dict[str, Findings | None] = field(default_factory=dict)

    def find(self, snapshot: Snapshot) -> Findings:
        """Return the findings of one snapshot; the engine runs only where the lake does not hold them.

        Raises:
            ObjectMissingError: The lake does not hold the snapshot.
            CorruptObjectError: Its bytes are not those that were ingested.
            PartitionUnreadableError: They cannot be decoded.
            SpecError: The suite is wrong.
            UnavailableError: The lake does not answer.
        """
        known = self._known.get(snapshot.data_path)
        if known is None:
            known = self._stored(snapshot) or self._evaluated(snapshot)
            self._known[snapshot.data_path] = known
        return known

    def try_to_find(self, snapshot: Snapshot) -> Findings | None:
        """Return the findings of one snapshot, or None where it cannot be read: it proves nothing then."""
        if snapshot.data_path not in self._known:
            try:
                self.find(snapshot)
            except (ObjectMissingError, CorruptObjectError, PartitionUnreadableError) as error:
                logger.error("%s %s cannot be judged: %s", snapshot.model, snapshot.partition, error)  # noqa: TRY400  # the message says it all
                self._known[snapshot.data_path] = None
        return self._known[snapshot.data_path]

    def _stored(self, snapshot: Snapshot) -> Findings | None:
        path = self._path(snapshot)
        try:
            document = self.lake.read(path)
        except ObjectMissingError:
            return None
        found = _read(document)
        if found is None:
            logger.warning("%s: is damaged; its content is found out again", self.lake.uri(path))
        return found

    def _evaluated(self, snapshot: Snapshot) -> Findings:
        data = self.lake.local_copy(snapshot.data_path, sha256=snapshot.data_sha256)
        contract = self.contract
        result = self.validator.validate(data, self.suite, key_columns=contract.key_columns)
        file = SnapshotFile(data, contract.columns)
        statistics = gather(file, contract)
        findings = Findings(
            evaluated=result.evaluated,
            suite_failures=result.failures,
            details=dict(result.details),
            checks=StaticChecks(contract, snapshot.partition, file, statistics).results(),
            statistics=statistics,
        )
        try:
            self.lake.publish(self._path(snapshot), sealed(_NAME, canonical(findings.as_json())))
        except LakeConflictError:
            # Damaged, or written by another version of the engine meanwhile: then the first one stands.
            return self._stored(snapshot) or findings
        return findings

    def _path(self, snapshot: Snapshot) -> str:
        return findings_path(snapshot, self._rules_sha256)

    @cached_property
    def _rules_sha256(self) -> str:
        return self.contract.bytes_sha256(self.suite_sha256)


def _read(document: bytes) -> Findings | None:
    """Read findings; None where a byte of them is not what was written."""
    body = opened(_NAME, document)
    try:
        return None if body is None else Findings.model_validate_json(body)
    except ValueError:
        return None

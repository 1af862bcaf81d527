"""What every step does that changes what serves: one attempt with a fencing token, from the ledger to the alias.

The order of the side effects makes a crash between any two of them harmless:

    1  ledger    release_started; its sequence is the fencing token of this attempt
    2  host      the server runs
    3  server    the release is pushed; the server proves it and swaps, and refuses every older token from now on
    4  ledger    release_settled, unless a newer attempt has started meanwhile: from here on it is the champion
    5  registry  the alias follows

Run again after a crash, a step starts a new attempt with a newer token as long as 4 is missing, and only
makes up for 5 once it stands.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from titlebout.core.errors import DeploymentError, StaleTokenError, TitleboutError, UnavailableError
from titlebout.core.golden import GoldenRows
from titlebout.core.ledgers.compare_and_set import ATTEMPTS, decide_again_if_overtaken
from titlebout.core.ledgers.ledger import LedgerState, ServedVersion
from titlebout.core.ports import Lake, Ledger, ModelRegistry, ReleaseBundle, ServerAddress, ServerClient, ServerHost
from titlebout.core.release_record import ReleaseRecord, settled_release, unfinished_attempt
from titlebout.core.results import Release, ReleaseStatus, TrainedChallenger
from titlebout.core.specs.spec import DeploymentTarget, ModelSpec
from titlebout.core.version_proof import known_version
from titlebout.core.versions import read_bundle

logger = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 0.2
# Several runs may end at once, and each release takes a few seconds.
PATIENCE_SECONDS = 120
# An attempt takes a few seconds. One that was killed is waited for no longer than this.
YOUNG_SECONDS = 30


@dataclass(frozen=True)
class ReleaseDesk:
    """Lets versions of one model serve; with `deployment.target: none` ledger and alias change, no server is asked."""

    spec: ModelSpec
    actor: str
    lake: Lake
    ledger: Ledger
    registry: ModelRegistry
    host: ServerHost
    client: ServerClient

    def decide(
        self, decision: Callable[[LedgerState], Release], *, patience_seconds: float = 0, needs_alias: bool = True
    ) -> Release:
        """Decide on the newest state, once more whenever somebody else wrote first, and let the alias follow.

        Args:
            decision: Looks at a state and serves or keeps.
            patience_seconds: How long to wait for attempts of others that have just begun. Whoever does not wait
                overtakes them.
            needs_alias: Whether the decision fails where the alias cannot follow.

        Raises:
            UnavailableError: Others kept writing first, or the registry does not answer.
        """
        deadline = time.monotonic() + patience_seconds

        def decide_in_a_quiet_moment() -> Release:
            while time.monotonic() < deadline and self._is_somebody_at_work():
                time.sleep(LOOK_AGAIN_SECONDS)
            return decision(self.ledger.state(self.spec.name))

        release = decide_again_if_overtaken(self.spec.name, decide_in_a_quiet_moment)
        if release.status is ReleaseStatus.SETTLED:
            (self.point_alias_at if needs_alias else self.look_after_alias)(release.version)
        return release

    def version(self, version: str) -> TrainedChallenger:
        """Read a version's manifest, held against the ledger: whoever writes to the lake alone decides nothing."""
        return known_version(self.lake, self.ledger, self.spec.name, version)

    def keep_serving(self, state: LedgerState, champion: ServedVersion) -> Release:
        """Return the champion's release, after serving it again where its server has lost it."""
        url = None
        if self.has_server:
            address = self.host.ensure_running(self.spec.name)
            served = self.client.served(address)
            # By another token: a failed attempt has put it back. A trial is for the very release of the ledger.
            if served is None or (served.version, served.token) != (champion.version, champion.token):
                is_lost = served is None or served.version != champion.version
                why = "its server had lost it" if is_lost else "a failed release had put it back"
                logger.warning("%s is the champion: serving it again, as %s", champion.version, why)
                return self.serve(state, self.version(champion.version), f"served again: {why}")
            url = address.url
        return settled_release(self.spec.name, champion.version, champion.token, url=url, reason=champion.reason)

    def serve(
        self, state: LedgerState, version: TrainedChallenger, reason: str, *, withdraws: str | None = None
    ) -> Release:
        """Make one attempt to let a version serve.

        Args:
            state: What the decision rests on.
            version: What shall serve.
            reason: Why; it goes into the ledger.
            withdraws: The version that a rollback goes away from.

        Raises:
            LedgerConflictError: The ledger moved on since the state was read; nothing has happened yet.
        """
        bundle = self._bundle(version)  # read and checked before anything is written
        record = ReleaseRecord(self.ledger, version, self.actor, withdraws)
        token = record.start(state)
        try:
            url = self._push(bundle, token, state.champion, record) if self.has_server else None
        except StaleTokenError:
            raise  # the ledger belongs to the successor now
        except DeploymentError as error:
            record.fail(token, error)
            raise
        try:
            release = record.settle(token, url=url, reason=reason)
        except StaleTokenError:
            # The successor may not have come as far as the server, and may never come: the server refuses
            # this if it has.
            self._put_back(token, state.champion)
            raise
        logger.info("%s serves %s, token %d", self.spec.name, version.version, token)
        return release

    def point_alias_at(self, version: str) -> None:
        """Let the alias follow the ledger, also where another release settles at the same time.

        Whoever writes the alias looks into the ledger afterwards, so the last one to write it leaves the champion.
        """
        for _ in range(ATTEMPTS):
            self.registry.set_champion(self.spec.name, version)
            champion = self.ledger.state(self.spec.name).champion
            if champion is None or champion.version == version:
                return
            version = champion.version

    def look_after_alias(self, version: str) -> None:
        """Bring the alias back: somebody may have moved it, or a release died before it. It decides nothing."""
        try:
            self.point_alias_at(version)
        except UnavailableError as error:
            logger.warning("alias of %s: %s; the next live run looks after it", self.spec.name, error)

    @property
    def has_server(self) -> bool:
        """Whether a server answers for the model, and not whoever follows the alias."""
        return self.spec.deployment.target is not DeploymentTarget.NONE

    def _bundle(self, version: TrainedChallenger) -> ReleaseBundle:
        return read_bundle(self.lake, version)

    def _push(self, bundle: ReleaseBundle, token: int, champion: ServedVersion | None, record: ReleaseRecord) -> str:
        """Hand a release to the server and return the server's URL; undo it if it fails out there."""
        address = self.host.ensure_running(self.spec.name)
        try:
            self.client.push(address, bundle, token=token)
        except StaleTokenError as error:
            if not record.is_newest(token):
                raise
            message = (
                f"the server of {self.spec.name!r} has seen newer tokens than the ledger has given out: the ledger "
                "was restored or begun anew; stop the server, remove its state and clear this task"
            )
            raise DeploymentError(message) from error
        try:
            self._prove(address, bundle, token)
        except StaleTokenError:
            raise
        except DeploymentError:
            if champion is None and record.is_newest(token):
                self.host.stop(self.spec.name)  # nothing served before, so nothing serves on
            self._put_back(token, champion)
            raise
        return address.url

    def _prove(self, address: ServerAddress, bundle: ReleaseBundle, token: int) -> None:
        """Ask the server, by the way its callers take, whether it serves what was pushed and scores it alike."""
        self._ask_what_serves(address, bundle, token)
        golden = GoldenRows.model_validate_json(bundle.golden)
        if difference := golden.difference(self.client.predict(address, golden.rows)):
            self._ask_what_serves(address, bundle, token)  # a newer one may have come in between the two questions
            message = f"{address.url} does not answer as {bundle.version} did offline: {difference}"
            raise DeploymentError(message)

    def _ask_what_serves(self, address: ServerAddress, bundle: ReleaseBundle, token: int) -> None:
        served = self.client.served(address)
        if served and served.token > token:
            message = f"{address.url} took token {served.token} after {token}: a newer attempt has taken over"
            raise StaleTokenError(message)
        if served is None or (served.version, served.token) != (bundle.version, token):
            message = f"{address.url} serves {served}, not {bundle.version}; find out what listens there"
            raise DeploymentError(message)

    def _is_somebody_at_work(self) -> bool:
        """Whether the newest attempt is another actor's, has not ended, and is too young to be given up.

        What serves meanwhile may be neither the old nor the new champion for good: it is no time to decide.
        """
        newest = unfinished_attempt(self.ledger, self.spec.name)
        if newest is None or newest.actor == self.actor:  # its own, killed: nobody else finishes that
            return False
        return datetime.now(tz=UTC) - newest.recorded_at < timedelta(seconds=YOUNG_SECONDS)

    def _put_back(self, token: int, champion: ServedVersion | None) -> None:
        """Have the champion serve again, by the right of the same token. The error that led here matters more."""
        if champion is None:
            return
        try:
            address = self.host.ensure_running(self.spec.name)
            self.client.push(address, self._bundle(self.version(champion.version)), token=token)
        except StaleTokenError:
            logger.info("a newer attempt serves, %s is not put back", champion.version)
        except TitleboutError:
            logger.exception("%s could not be put back: it is in doubt what serves", champion.version)

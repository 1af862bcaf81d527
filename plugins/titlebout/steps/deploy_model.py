"""Step `deploy_model`: let a challenger serve that won its bout, and see to it that the champion does serve.

The order of the side effects makes a crash between any two of them harmless:

    1  ledger    release_started; its sequence is the fencing token of this attempt
    2  host      the server runs
    3  server    the release is pushed; the server proves it and swaps, and refuses every older token from now on
    4  ledger    release_settled, unless a newer attempt has started meanwhile: from here on it is the champion
    5  registry  the alias follows

Run again after a crash, the step starts a new attempt with a newer token as long as 4 is missing, and only
makes up for 5 once it stands.
"""

import logging
from dataclasses import dataclass

from titlebout.core.errors import DeploymentError, LedgerConflictError, StaleTokenError, TitleboutError, bounded
from titlebout.core.golden import GoldenRows
from titlebout.core.ledgers.ledger import LedgerState, ServedVersion
from titlebout.core.ports import Lake, Ledger, ModelRegistry, ReleaseBundle, ServerAddress, ServerClient, ServerHost
from titlebout.core.release_record import LEDGER_ATTEMPTS, ReleaseRecord, ledger_is_busy, settled_release
from titlebout.core.results import Outcome, Release, ReleaseStatus, RunContext, TrainedChallenger, Verdict
from titlebout.core.specs.spec import DeploymentTarget, ModelSpec
from titlebout.core.versions import read_file, read_version

logger = logging.getLogger(__name__)


def deploy_model(
    spec: ModelSpec,
    run: RunContext,
    *,
    verdict: Verdict,
    lake: Lake,
    ledger: Ledger,
    registry: ModelRegistry,
    host: ServerHost,
    client: ServerClient,
) -> Release:
    """Release the challenger of a verdict, or say why there is nothing to release.

    Where there is nothing to release, the champion's server is looked after: one that is down or has lost its
    release, after a reboot for example, serves it again.

    Args:
        spec: The model spec. With `deployment.target: none` ledger and alias change and no server is asked.
        run: The run that asks; only a live one may change what serves.
        verdict: What `compare_with_champion` returned.
        lake: Holds the versions.
        ledger: Decides what serves.
        registry: Its alias follows the ledger.
        host: Where the model's server lives.
        client: The conversation with it.

    Raises:
        DeploymentError: The release did not prove itself, or the verdict is out of date. What served before
            serves on, and the ledger holds a `release_failed` if an attempt was made.
        StaleTokenError: A newer attempt has taken over; the rest is its business.
        UnavailableError: Lake, ledger, registry, host or server does not answer. No `release_failed` is recorded:
            the retry is a new attempt and finishes what this one began.
    """
    if verdict.model != spec.name:
        message = f"verdict on {verdict.model!r} was handed to the release of {spec.name!r}; hand over its own"
        raise DeploymentError(message)
    if not run.is_live:
        return _skipped(verdict, f"a {run.kind} run never changes what serves")
    desk = _ReleaseDesk(spec, run, lake, ledger, host, client)
    for _ in range(LEDGER_ATTEMPTS):
        state = ledger.state(spec.name)
        try:
            release = _released_or_kept(desk, verdict, state)
        except LedgerConflictError:
            continue  # somebody else wrote first: look again, decide again
        if release.status is ReleaseStatus.SETTLED:
            registry.set_champion(spec.name, release.version)
        return release
    raise ledger_is_busy(spec.name)


def _released_or_kept(desk: "_ReleaseDesk", verdict: Verdict, state: LedgerState) -> Release:
    champion = state.champion
    if champion and champion.version == verdict.challenger:  # a run of this step got as far as the ledger
        return desk.keep_serving(state, champion)
    if reason := _reason_to_keep(desk, verdict, champion):
        if champion:
            desk.keep_serving(state, champion)
        return _skipped(verdict, reason)
    return desk.serve(state, desk.version(verdict.challenger), "; ".join(verdict.reasons))


def _reason_to_keep(desk: "_ReleaseDesk", verdict: Verdict, champion: ServedVersion | None) -> str | None:
    """Say why the champion stays.

    Raises:
        DeploymentError: The verdict was reached against another champion.
    """
    if verdict.outcome is not Outcome.PROMOTE:
        return f"the verdict is {verdict.outcome}: {'; '.join(verdict.reasons)}"
    if champion and champion.partition > desk.version(verdict.challenger).partition:
        return f"{champion.version} serves, which was trained for the newer partition {champion.partition}"
    if verdict.champion != (champion.version if champion else None):
        message = (
            f"{verdict.challenger} won against {verdict.champion or 'the baseline'}, but now "
            f"{champion.version if champion else 'nothing'} serves; clear compare_with_champion to judge it again"
        )
        raise DeploymentError(message)
    return None


def _skipped(verdict: Verdict, reason: str) -> Release:
    logger.info("%s is not released: %s", verdict.challenger, reason)
    skipped = ReleaseStatus.SKIPPED
    return Release(model=verdict.model, version=verdict.challenger, status=skipped, reason=bounded(reason))


@dataclass(frozen=True)
class _ReleaseDesk:
    """Lets versions of one model serve."""

    spec: ModelSpec
    run: RunContext
    lake: Lake
    ledger: Ledger
    host: ServerHost
    client: ServerClient

    def version(self, version: str) -> TrainedChallenger:
        return read_version(self.lake, self.spec.name, version)

    def keep_serving(self, state: LedgerState, champion: ServedVersion) -> Release:
        """Return the champion's release, after serving it again where its server has lost it."""
        url = None
        if self._has_server:
            address = self.host.ensure_running(self.spec.name)
            served = self.client.served(address)
            if served is None or served.version != champion.version:
                logger.warning("%s is the champion but does not serve, serving it again", champion.version)
                return self.serve(state, self.version(champion.version), "served again: its server had lost it")
            url = address.url
        return settled_release(self.spec.name, champion.version, champion.token, url=url, reason=champion.reason)

    def serve(self, state: LedgerState, version: TrainedChallenger, reason: str) -> Release:
        """Make one attempt to let a version serve.

        Raises:
            LedgerConflictError: The ledger moved on since the state was read; nothing has happened yet.
        """
        bundle = self._bundle(version)  # read and checked before anything is written
        record = ReleaseRecord(self.ledger, version, self.run.actor)
        token = record.start(state)
        try:
            url = self._push(bundle, token, state.champion, record) if self._has_server else None
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

    @property
    def _has_server(self) -> bool:
        return self.spec.deployment.target is not DeploymentTarget.NONE

    def _bundle(self, version: TrainedChallenger) -> ReleaseBundle:
        return ReleaseBundle(
            model=version.model,
            version=version.version,
            booster=read_file(self.lake, version, "model"),
            plan=read_file(self.lake, version, "plan"),
            golden=read_file(self.lake, version, "golden"),
        )

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
            if champion is None:
                self.host.stop(self.spec.name)  # nothing served before, so nothing serves on
            self._put_back(token, champion)
            raise
        return address.url

    def _prove(self, address: ServerAddress, bundle: ReleaseBundle, token: int) -> None:
        """Ask the server, by the way its callers take, whether it serves what was pushed and scores it alike."""
        served = self.client.served(address)
        if served and served.token > token:
            message = f"{address.url} took token {served.token} after {token}: a newer attempt has taken over"
            raise StaleTokenError(message)
        if served is None or (served.version, served.token) != (bundle.version, token):
            message = f"{address.url} serves {served}, not {bundle.version}; find out what listens there"
            raise DeploymentError(message)
        golden = GoldenRows.model_validate_json(bundle.golden)
        if difference := golden.difference(self.client.predict(address, golden.rows)):
            message = f"{address.url} does not answer as {bundle.version} did offline: {difference}"
            raise DeploymentError(message)

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

"""A world in which winners are tried on live requests that a test counts by hand."""

from dataclasses import dataclass
from datetime import timedelta
from unittest.mock import patch

from fakes.demand_days import run_of
from fakes.serving_world import MODEL, ServingWorld, verdict_on
from fakes.specs import demand_spec
from titlebout.core.live_trials.trial import Trial
from titlebout.core.live_trials.trial_counts import BINS
from titlebout.core.live_trials.trial_record import TrialRecord
from titlebout.core.live_trials.trial_results import TrialLook, TrialTicket
from titlebout.core.live_trials.trial_wire import TrialStatus
from titlebout.core.results import Release, TrainedChallenger, Verdict
from titlebout.steps import release_desk
from titlebout.steps.deploy_model import deploy_model
from titlebout.steps.release_desk import ReleaseDesk
from titlebout.steps.start_trial import start_trial
from titlebout.steps.trial_desk import TrialDesk
from titlebout.steps.watch_trial import watch_trial

STEPS = 3
TRIAL = {"release__strategy": "canary", "release__min_requests": 400}


def good_counts(requests: int = 600, **changes) -> dict[str, object]:
    """Return what a server has counted of a candidate that is as good as the champion."""
    return {
        "asked_candidate": requests,
        "pairs": requests,
        "distance": {BINS // 50: requests},
        "shift": {BINS + 1: requests},
        **changes,
    }


def shifted_counts(requests: int = 600) -> dict[str, object]:
    """Return what a server has counted of a candidate whose scores lie half the champion's spread too high."""
    return good_counts(requests, distance={BINS // 2: requests}, shift={BINS + BINS // 2: requests})


@dataclass
class TrialWorld(ServingWorld):
    """A world in which the old version serves and winners are tried first."""

    def __post_init__(self) -> None:
        """Let the old version serve."""
        super().__post_init__()
        self.spec = demand_spec(**TRIAL)
        self.deploy(verdict_on(self.old, None))

    @property
    def verdict(self) -> Verdict:
        """The verdict that the new version won."""
        return verdict_on(self.new, self.old)

    @property
    def trial(self) -> Trial:
        """The newest trial of the ledger."""
        found = TrialRecord(self.ledger, MODEL).newest()
        assert found is not None
        return found

    @property
    def on_server(self) -> TrialStatus | None:
        """What the server holds."""
        server = self.host.servers[MODEL]
        return self.client.trial(server.address) if server.is_running else server.trial

    def start(self, verdict: Verdict | None = None, run=None, **ports) -> TrialTicket:
        """Run the step `start_trial`."""
        verdict = verdict or self.verdict
        run = run or run_of(verdict.partition)
        given = self.ports(**ports)
        desk = ReleaseDesk(self.spec, run.actor, **given)
        with patch.object(release_desk, "YOUNG_SECONDS", 0):
            return start_trial(run, desk, verdict=verdict, trials=given["client"])

    def look(self, ticket: TrialTicket, *, hours: float = 0, **ports) -> TrialLook:
        """Run the step `watch_trial` once, so many hours later."""
        server_log = ports.pop("server_log", None)
        given = self.ports(**ports)
        run = run_of(self.new.partition)
        desk = TrialDesk(self.spec, run.actor, given["lake"], given["ledger"], given["host"], given["client"])
        now = TrialDesk.now() + timedelta(hours=hours)
        with patch.object(TrialDesk, "now", staticmethod(lambda: now)):
            return watch_trial(desk, ticket, server_log)

    def deploy(self, verdict: Verdict, run=None, **ports) -> Release:
        """Run the step `deploy_model`."""
        given = self.ports(**ports)
        with patch.object(release_desk, "YOUNG_SECONDS", 0):
            return deploy_model(
                self.spec, run or run_of(verdict.partition), verdict=verdict, **given, trials=given["client"]
            )

    def pass_trial(self, **ports) -> TrialTicket:
        """Start a trial and have it pass."""
        ticket = self.start(**ports)
        for _ in range(STEPS):
            self.client.count(MODEL, **good_counts())
            self.look(ticket, **ports)
        return ticket

    def assert_champion_is_untouched(self, version: TrainedChallenger | None = None) -> None:
        """The champion serves, and no candidate takes part in any answer."""
        self.assert_serves(version or self.old)
        on_server = self.on_server
        assert on_server is None or not on_server.is_running

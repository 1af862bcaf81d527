"""The conversation with a model server in memory: real models and the real proof, but no network."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

from fakes.server_host import MemoryServer, MemoryServerHost
from titlebout.core.errors import DeploymentError, FieldError, StaleTokenError, UnavailableError
from titlebout.core.live_trials.trial_counts import TrialCounts
from titlebout.core.live_trials.trial_wire import TrialOffer, TrialStatus
from titlebout.core.ports import ReleaseBundle, ServedRelease, ServedScores, ServerAddress
from titlebout.core.predictor import Predictor
from titlebout.core.skew.replay_port import ServedAnswer
from titlebout.serving.proof import load_proven


class MemoryServerClient:
    """Talk to the servers of a `MemoryServerHost`.

    Attributes:
        pushes: (version, token) of every push that a server took, in order.
        offset: Added to every score of `predict`: a server that answers other scores than it proved.
        is_down: Set it to make every call raise `UnavailableError`.
        clock_ahead: How far the clocks of the servers are ahead of this machine's.
    """

    def __init__(self, host: MemoryServerHost) -> None:
        self._host = host
        self.pushes: list[tuple[str, int]] = []
        self.offset = 0.0
        self.is_down = False
        self.clock_ahead = timedelta(0)

    def push(self, address: ServerAddress, bundle: ReleaseBundle, *, token: int) -> ServedRelease:
        """Check the tokens, prove the release, swap."""
        server = self._server(address)
        if address.admin_token != server.address.admin_token:
            message = f"{address.url} refused the release: wrong admin token"
            raise DeploymentError(message)
        if bundle.model != server.model:
            message = f"{address.url} refused the release: it serves {server.model!r}, not {bundle.model!r}"
            raise DeploymentError(message)
        if token < server.newest_token:
            message = f"{address.url} refused the release: token {token} is older than {server.newest_token}"
            raise StaleTokenError(message)
        server.newest_token = token
        server.predictor = load_proven(bundle)
        server.served = ServedRelease(model=bundle.model, version=bundle.version, token=token)
        self.pushes.append((bundle.version, token))
        return server.served

    def served(self, address: ServerAddress) -> ServedRelease | None:
        """Return what the server serves."""
        return self._server(address).served

    def predict(self, address: ServerAddress, rows: Sequence[Mapping[str, JsonValue]]) -> ServedScores:
        """Score rows."""
        return self.ask(address, rows, request_id="unnamed").scores

    def ask(self, address: ServerAddress, rows: Sequence[Mapping[str, JsonValue]], *, request_id: str) -> ServedAnswer:
        """Score rows and say which version answered; it is never a candidate here."""
        del request_id
        served = self._server(address).served
        predictor: Predictor | None = self._server(address).predictor
        if predictor is None:
            message = f"{address.url} serves no release yet; deploy one"
            raise UnavailableError(message)
        if not rows:
            message = f"{address.url} refused the rows: there are none"
            raise DeploymentError(message)
        try:
            assert served is not None
            return ServedAnswer(served.version, (predictor.predict_rows(rows) + self.offset).tolist())
        except FieldError as error:
            message = f"{address.url} refused the rows: {error}"
            raise DeploymentError(message) from error

    def push_trial(self, address: ServerAddress, offer: TrialOffer, bundle: ReleaseBundle) -> TrialStatus:
        """Check the tokens, prove the candidate, let it take part."""
        server = self._server(address)
        served, now = server.served, server.trial
        if served is None or (served.version, served.token) != (offer.champion, offer.champion_token):
            message = f"{address.url} refused the trial: {served} serves"
            raise StaleTokenError(message)
        if offer.token <= server.ended_trial or (now and offer.token < now.offer.token):
            message = f"{address.url} refused the trial: trial {offer.token} is over"
            raise StaleTokenError(message)
        if now and now.offer.token == offer.token and offer.step < now.offer.step:
            message = f"{address.url} refused the trial: it is at step {now.offer.step}"
            raise StaleTokenError(message)
        if now is None or now.offer != offer:
            load_proven(bundle)
            since = datetime.now(tz=UTC) + self.clock_ahead
            server.trial = TrialStatus(offer=offer, is_running=True, instance="memory", counted_since=since)
        assert server.trial is not None
        return server.trial

    def trial(self, address: ServerAddress) -> TrialStatus | None:
        """Return what is on trial; another release than its champion ends it."""
        server = self._server(address)
        now, served = server.trial, server.served
        if now is None or served is None:
            return now
        is_on = served.token == now.offer.champion_token and datetime.now(tz=UTC) + self.clock_ahead < now.offer.ends_at
        return now.model_copy(update={"is_running": is_on})

    def end_trial(self, address: ServerAddress, token: int) -> None:
        """End it for good."""
        server = self._server(address)
        if server.trial and token < server.trial.offer.token:
            message = f"{address.url} refused the end of the trial: a newer one runs"
            raise StaleTokenError(message)
        server.ended_trial, server.trial = max(server.ended_trial, token), None

    def count(self, model: str, **counts: object) -> None:
        """Have the server have counted so much in the present step."""
        server = self._host.servers[model]
        assert server.trial is not None
        server.trial = server.trial.model_copy(update={"counts": TrialCounts.model_validate(counts)})

    def _server(self, address: ServerAddress) -> MemoryServer:
        running = [server for server in self._host.servers.values() if server.is_running]
        server = next((server for server in running if server.address.url == address.url), None)
        if server is None or self.is_down:
            message = f"{address.url} does not answer; start the server and clear this task"
            raise UnavailableError(message)
        return server

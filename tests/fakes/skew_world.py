"""A champion whose server logs what it is asked, and days whose rows were delivered; requests are written by hand."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from fakes.demand_days import DemandWorld, demand_rows
from fakes.load_days import load_rows, load_spec
from fakes.server_client import MemoryServerClient
from fakes.server_host import MemoryServerHost
from fakes.specs import demand_spec
from fakes.written_requests import request_line
from titlebout.core.inference_log.log_lines import (
    FORMAT,
    LoggedColumn,
    LoggedRelease,
    LoggedRequest,
    SegmentHead,
    line,
)
from titlebout.core.inference_log.log_policy import LogPolicy
from titlebout.core.inference_log.log_reading import publish_log
from titlebout.core.inference_log.log_tables import tables_by_partition
from titlebout.core.partitions import keys_between
from titlebout.core.predictor import Predictor
from titlebout.core.release_roles import ReleaseRole
from titlebout.core.results import TrainedChallenger
from titlebout.core.skew.skew_report import SkewReport
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.versions import load_predictor, read_bundle
from titlebout.steps.check_skew import check_skew
from titlebout.steps.golden_desk import GoldenDesk

NIGHT = "2024-01-13"
DAY = "2024-01-14"
"""Accepted after the champion was trained, so its rows are what the server was asked about."""
KEY = "0123456789abcdef"
SERVER = "fedcba9876543210"
FEATURES = {"numeric": ["hour", "temperature"], "categorical": ["weather"], "date_parts": {"day": ["weekday"]}}


def logging_spec(**changes: Any) -> ModelSpec:
    """Return a spec whose keys are features, and whose server logs."""
    return demand_spec(**{"training__features": FEATURES, "serving__log": {"enabled": True}, **changes})


@dataclass(frozen=True)
class Kind:
    """A model whose server logs, and how a day of it is made."""

    spec: ModelSpec
    rows_of: Callable[..., pa.Table]


KINDS = {
    "demand": Kind(logging_spec(), demand_rows),
    "classes": Kind(
        load_spec(training__features=FEATURES, serving__log={"enabled": True}), functools.partial(load_rows, rows=48)
    ),
    "history": Kind(
        logging_spec(
            training__features={
                **FEATURES,
                "history": {"usual": {"of": "rentals", "by": ["hour"], "statistic": "mean", "partitions": 3}},
            }
        ),
        demand_rows,
    ),
}


@functools.cache
def _trained(kind: str) -> tuple[DemandWorld, TrainedChallenger, TrainedChallenger]:
    """Return a world with two versions, made once and then copied."""
    spec, rows_of = KINDS[kind].spec, KINDS[kind].rows_of
    world = DemandWorld(spec=spec)
    for key in keys_between("2024-01-01", NIGHT):
        world.deliver(key, rows_of(key))
    champion, other = (world.train(night) for night in (NIGHT, "2024-01-12"))
    return world, champion, other


@dataclass
class SkewWorld(DemandWorld):
    """The champion serves, and the rows of a new day were delivered."""

    kind: str = "demand"
    host: MemoryServerHost = field(default_factory=MemoryServerHost)

    def __post_init__(self) -> None:
        """Let the champion serve and deliver the day."""
        self.spec = KINDS[self.kind].spec
        eve, self.champion, self.other = _trained(self.kind)
        self.lake.objects.update(eve.lake.objects)
        self.ledger.chains.update({model: [*chain] for model, chain in eve.ledger.chains.items()})
        self.client = MemoryServerClient(self.host)
        self.release(self.champion)
        self.serve(self.champion)
        self.deliver(DAY, KINDS[self.kind].rows_of(DAY))
        self._segments = 0

    def serve(self, version: TrainedChallenger) -> None:
        """Have the server serve a version, whatever the ledger says."""
        address = self.host.ensure_running(self.spec.name)
        self.client.push(address, read_bundle(self.lake, version), token=self.ledger.state(self.spec.name).newest_token)

    def rows(self, key: str = DAY, **changes: Any) -> list[dict[str, Any]]:
        """Return a day's rows as clients send them."""
        return self.predictor.plan.rows(KINDS[self.kind].rows_of(key, **changes))

    @functools.cached_property
    def predictor(self) -> Predictor:
        """The champion, offline."""
        return load_predictor(self.lake, self.champion, threads=1)

    def ask(
        self,
        rows: Sequence[Mapping[str, Any]],
        *,
        at: str = f"{DAY}T12:00:00",
        version: str | None = None,
        scores: Sequence[Any] | None = None,
        policy: LogPolicy | None = None,
        **others: Any,
    ) -> None:
        """Log a request for each row, as the server would have; nobody is asked."""
        plan = self.predictor.plan
        policy = policy or LogPolicy(enabled=True)
        kept = policy.kept(plan.fields)
        columns = {name: LoggedColumn(type=plan.fields[name], policy=policy) for name, policy in kept.items()}
        redact = {name: policy.redaction(name, plan.fields[name], UTC) for name in kept}
        named = version or self.champion.version
        release = LoggedRelease(release=0, version=named, token=3, timezone="UTC", columns=columns)
        found = self.predictor.predict_rows(rows).tolist() if scores is None else scores
        moment = datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()
        lines = [
            request_line(
                LoggedRequest(
                    **{
                        "number": self._segments * 1000 + number,
                        "first_row": 0,
                        "request_id": f"r{self._segments}-{number}",
                        "unix_seconds": moment + number,
                        "role": ReleaseRole.CHAMPION,
                        "route": "predict",
                        "seconds": 0.001,
                        "release": release,
                        "rows": [[redact[name](row[name]) for name in kept]],
                        "scores": [score],
                        **others,
                    }
                )
            )
            for number, (row, score) in enumerate(zip(rows, found, strict=True))
        ]
        head = SegmentHead(format=FORMAT, model=self.spec.name, server=SERVER)
        self._segments += 1
        content = b"".join([line(head.model_dump(mode="json")), line(release.model_dump(mode="json")), *lines])
        for key, table in tables_by_partition(content, "here", self.spec.calendar).items():
            publish_log(self.lake, self.spec.name, key, f"{SERVER}-{self._segments:08d}", table)

    def check(self, *, is_asked: bool = True, **arguments: Any) -> SkewReport:
        """Run the step."""
        desk = GoldenDesk(self.spec, self.lake, self.ledger, self.host, self.client) if is_asked else None
        return check_skew(self.spec, lake=self.lake, ledger=self.ledger, desk=desk, **arguments)

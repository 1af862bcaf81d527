"""Late is late by the clock of the model's time zone, whoever asks and however often."""

from datetime import UTC, datetime, timedelta

import pytest

from fakes.specs import demand_spec
from titlebout.core.arrival import deadline_of, next_look, waits_for
from titlebout.core.results import RunContext, RunKind


def spec(*, hours: float = 6, minutes: float = 10, timezone: str = "UTC"):
    return demand_spec(dataset__arrival={"deadline_hours": hours, "poll_minutes": minutes}, schedule__timezone=timezone)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("timezone", "day", "deadline"),
    [
        ("UTC", "2024-05-01", "2024-05-02T06:00Z"),
        ("Europe/Berlin", "2024-05-01", "2024-05-02T06:00+02:00"),
        ("Europe/Berlin", "2024-03-30", "2024-03-31T07:00+02:00"),  # six real hours, one of which the clock skipped
        ("Europe/Berlin", "2024-10-27", "2024-10-28T06:00+01:00"),
        ("Pacific/Kiritimati", "2024-05-01", "2024-05-01T16:00Z"),
        ("America/Sao_Paulo", "2018-11-03", "2018-11-04T07:00-02:00"),  # the next day began at one o'clock
    ],
)
def test_the_deadline_counts_from_the_end_of_the_local_day(timezone, day, deadline):
    assert deadline_of(spec(timezone=timezone), day) == at(deadline)


def test_looks_follow_each_other_until_the_last_one_at_the_deadline():
    now, looks = at("2024-05-02T05:35Z"), []
    while (look := next_look(spec(), "2024-05-01", now)) is not None:
        looks.append(look)
        now = look
    assert looks == [at("2024-05-02T05:45Z"), at("2024-05-02T05:55Z"), at("2024-05-02T06:00Z")]


@pytest.mark.parametrize("late_by", [0, 1, 10**8])
def test_from_the_deadline_on_a_day_is_late(late_by):
    assert next_look(spec(), "2024-05-01", at("2024-05-02T06:00Z") + timedelta(seconds=late_by)) is None


@pytest.mark.parametrize(
    ("kind", "hours", "waits"),
    [
        (RunKind.SCHEDULED, 6, True),
        (RunKind.MANUAL, 6, True),
        (RunKind.BACKFILL, 6, False),
        (RunKind.SCHEDULED, 0, False),
    ],
)
def test_only_a_live_run_waits_and_only_where_the_spec_says_so(kind, hours, waits):
    run = RunContext(partition="2024-05-01", run_id="x", kind=kind)
    assert waits_for(spec(hours=hours), run) is waits

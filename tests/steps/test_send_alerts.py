from datetime import UTC, datetime, timedelta

import pytest

from fakes.demand_days import DemandWorld
from fakes.ledger import MemoryLedger
from fakes.specs import demand_spec
from titlebout.core.errors import LedgerClockError, LedgerTamperedError, UnavailableError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.specs.alerts_spec import AlertCause
from titlebout.steps.send_alerts import send_alerts

REJECTED = {"partition": "2024-05-01", "data_sha256": "0" * 64}


class Channel:
    def __init__(self, name="mail", error=None):
        self.name, self.error, self.alerts = name, error, []

    def send(self, alert):
        if self.error:
            raise self.error
        self.alerts.append(alert)


class World(DemandWorld):
    def __init__(self, **alerts):
        self.moment = datetime.now(tz=UTC)
        alerts = {"mail_to": ["ann@example.org"], **alerts}
        super().__init__(spec=demand_spec(alerts=alerts), ledger=MemoryLedger(clock=lambda: self.moment))

    def reject(self):
        self.ledger.append("demand", EntryKind.PARTITION_REJECTED, REJECTED, actor="run:scheduled__1")

    def send(self, *channels):
        return send_alerts(self.spec, ledger=self.ledger, channels=channels, now=self.moment)


def test_what_happened_is_told_once_and_recorded():
    world, channel = World(), Channel()
    world.reject()
    assert world.send(channel) == tuple(channel.alerts)
    assert [alert.subject for alert in channel.alerts] == ["demand: data in quarantine"]
    (entry,) = world.ledger.entries("demand", kinds={EntryKind.ALERT_SENT})
    assert entry.payload == {"cause": "partition_rejected", "about": ["entry 1"], "channels": ["mail"]}
    world.moment += timedelta(days=2)
    assert world.send(channel) == ()


def test_what_is_held_back_is_told_later():
    world, channel = World(quiet_hours=6), Channel()
    world.reject()
    world.send(channel)
    world.reject()
    world.moment += timedelta(hours=5)
    assert world.send(channel) == ()
    world.moment += timedelta(hours=1)
    assert [alert.about for alert in world.send(channel)] == [("entry 3",)]


def test_a_message_that_left_by_one_channel_is_not_sent_again_by_another():
    world, broken, fine = World(), Channel("mail", UnavailableError("away")), Channel("webhook")
    world.reject()
    world.send(broken, fine)
    (entry,) = world.ledger.entries("demand", kinds={EntryKind.ALERT_SENT})
    assert entry.payload["channels"] == ["webhook"]
    assert world.send(broken, fine) == ()


@pytest.mark.parametrize("channels", [[], [Channel(error=UnavailableError("away"))]])
def test_a_message_that_left_by_no_channel_stays_due(channels):
    world = World()
    world.reject()
    with pytest.raises(UnavailableError, match="demand: data in quarantine: the message left by no channel"):
        world.send(*channels)
    assert len(world.send(Channel())) == 1


def test_a_message_that_nobody_takes_does_not_hold_back_those_about_other_causes():
    class Picky(Channel):
        def send(self, alert):
            if alert.cause == "partition_rejected":
                raise UnavailableError("too long")
            super().send(alert)

    world, channel = World(), Picky()
    world.reject()
    late = {"partition": "2024-05-02", "deadline": "2024-05-03T06:00:00+00:00"}
    world.ledger.append("demand", EntryKind.PARTITION_LATE, late, actor="run:scheduled__1")
    with pytest.raises(UnavailableError, match="data in quarantine: the message left by no channel"):
        world.send(channel)
    assert [alert.cause for alert in channel.alerts] == ["partition_late"]
    assert [alert.cause for alert in world.send(Channel())] == ["partition_rejected"]


def test_a_clock_that_was_ahead_once_does_not_silence_a_cause_until_its_time_comes():
    world, channel = World(quiet_hours=6), Channel()
    now = world.moment
    world.moment += timedelta(hours=20)
    world.reject()
    world.send(channel)
    world.reject()
    world.moment = now
    assert [alert.about for alert in world.send(channel)] == [("entry 3",)]


def test_a_clock_that_is_days_behind_the_ledger_holds_no_message_back():
    """Nothing can be recorded, so all is told each time, until a person has decided which clock is wrong."""
    world, channel = World(), Channel()
    world.reject()
    late = {"partition": "2024-05-02", "deadline": "2024-05-03T06:00:00+00:00"}
    world.ledger.append("demand", EntryKind.PARTITION_LATE, late, actor="run:scheduled__1")
    world.moment -= timedelta(days=2)
    for _ in range(2):
        with pytest.raises(LedgerClockError, match="set the clock right"):
            world.send(channel)
    assert [alert.cause for alert in channel.alerts] == [AlertCause.PARTITION_REJECTED, AlertCause.PARTITION_LATE] * 2


def test_only_what_was_asked_for_is_told():
    world = World(causes=["partition_late"])
    world.reject()
    assert world.send(Channel()) == ()


def test_old_news_is_no_news():
    world = World()
    world.reject()
    world.moment += timedelta(days=32)
    assert world.send(Channel()) == ()


def test_a_champion_that_is_served_again_after_a_reboot_is_no_new_one():
    world = World(quiet_hours=0)

    def told(version, **more):
        world.moment += timedelta(minutes=5)
        settled = {"version": version, "partition": "2024-05-01", "token": 1, "reason": "why", "url": None, **more}
        world.ledger.append("demand", EntryKind.RELEASE_SETTLED, settled, actor="run:scheduled__1")
        return [alert.cause for alert in world.send(Channel())]

    assert told("v1") == ["champion_changed"]
    assert told("v1") == []
    assert told("v2") == ["champion_changed"]
    assert told("v1", withdraws="v2") == ["rolled_back"]
    assert told("v1") == []
    world.moment += timedelta(days=40)  # further back than entries are read
    assert told("v1") == []


def test_an_old_champion_is_told_once():
    world, channel = World(stale_after_days=3), Channel()
    world.deliver_days("2024-05-01", "2024-05-08")
    settled = {"version": "v1", "partition": "2024-05-01", "token": 1, "reason": "first", "url": None}
    world.ledger.append("demand", EntryKind.RELEASE_SETTLED, settled, actor="run:scheduled__1")
    assert [alert.cause for alert in world.send(channel)] == ["champion_changed", "champion_stale"]
    world.deliver("2024-05-09")
    world.moment += timedelta(days=1)
    assert world.send(channel) == ()


@pytest.mark.parametrize(("causes", "expected"), [({}, 1), ({"causes": ["drift_found"]}, 0)])
def test_a_ledger_that_was_changed_is_told_each_time(causes, expected, monkeypatch):
    world, channel = World(**causes), Channel()
    world.reject()

    def refuse(model):
        raise LedgerTamperedError("ledger of 'demand': its last entry is missing")

    monkeypatch.setattr(world.ledger, "state", refuse)
    told = [("ledger of 'demand': its last entry is missing",)] * expected
    for _ in range(2):
        assert [alert.lines for alert in world.send(channel)] == told
    assert not world.ledger.entries("demand", kinds={EntryKind.ALERT_SENT})

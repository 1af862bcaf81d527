"""What is asked, answered and delivered is held against each other, and each finding is told once."""

import pytest

from fakes.demand_days import demand_rows
from fakes.skew_world import DAY, KEY, NIGHT, SkewWorld, logging_spec
from titlebout.core.errors import NotEnoughPartitionsError, UnavailableError
from titlebout.core.inference_log.log_policy import LogPolicy
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.release_roles import ReleaseRole
from titlebout.core.skew.skew_report import SkewReport
from titlebout.core.specs.serving_spec import ColumnPolicy


@pytest.fixture
def world() -> SkewWorld:
    return SkewWorld()


def findings_in(world: SkewWorld) -> list[dict]:
    return [entry.payload for entry in world.ledger.entries("demand", kinds={EntryKind.SKEW_FOUND})]


def of_day(report):
    return next(each for each in report.partitions if each.partition == DAY)


def field_of(report, name):
    return next(each for each in of_day(report).fields if each.column == name)


def test_a_server_that_answers_as_its_version_and_is_asked_what_is_delivered_is_fine(world):
    world.ask(world.rows())
    report = world.check()
    assert report.is_clean
    assert (report.golden.rows, report.golden.answers, report.golden.differing) == (34, 68, 0)
    day = of_day(report)
    assert (day.logged_rows, day.compared_rows, day.repeated_rows) == (24, 24, 0)
    assert {field.column: field.differing for field in day.fields} == {"temperature": 0, "weather": 0}
    assert [(score.rows, score.differing) for score in day.scores] == [(24, 0)]
    assert findings_in(world) == []


# What the server was asked.


def test_a_feature_that_was_sent_otherwise_than_it_is_delivered_is_found(world):
    rows = world.rows()
    for row in rows[:6]:
        row["temperature"] += 2.0
    rows[6]["temperature"] += 8.0
    rows[7]["temperature"] = None
    rows[8]["weather"] = "hail"
    world.ask(rows)
    report = world.check()
    temperature, weather = field_of(report, "temperature"), field_of(report, "weather")
    assert (temperature.compared, temperature.differing, temperature.only_delivered) == (24, 8, 1)
    assert (temperature.largest, temperature.typical) == (pytest.approx(8.0), pytest.approx(2.0))
    assert (weather.differing, weather.other_differs, weather.largest) == (1, 1, None)
    assert weather.examples[0].keys == {"day": DAY, "hour": 8}
    assert (weather.examples[0].logged, weather.examples[0].request_id) == ("hail", "r0-8")
    [told] = findings_in(world)
    assert (told["kind"], told["version"]) == ("features", world.champion.version)
    assert told["columns"] == {"temperature": pytest.approx(8 / 24), "weather": pytest.approx(1 / 24)}
    assert "temperature in 33.3%, weather in 4.2% of 24 rows" in told["message"]
    assert "hail" not in str(told), "a value of a client must not outlive the log"
    assert "hail" not in report.without_examples().model_dump_json()


def test_the_limits_of_the_spec_decide_what_is_told(world):
    rows = world.rows()
    rows[0]["temperature"] += 1
    world.ask(rows)
    for skew in ({"max_share": 0.05}, {"min_rows": 25}):
        world.spec = logging_spec(serving__skew=skew)
        assert world.check().findings == ()
    world.spec = logging_spec(serving__skew={"max_share": 0.04, "min_rows": 24})
    assert len(world.check().findings) == 1


def test_rows_find_their_day_by_themselves(world):
    """A forecast of the day before, and a server whose clock is wrong by a day."""
    world.ask(world.rows()[:12], at=f"{NIGHT}T20:00:00")
    world.ask(world.rows()[12:], at="2024-01-15T01:00:00")
    report = world.check(partition=DAY)
    assert (of_day(report).logged_rows, of_day(report).compared_rows, report.is_clean) == (24, 24, True)
    assert report.partitions == (of_day(report),)

    world.ask(world.rows("2024-01-15"), at=f"{DAY}T20:00:00")
    assert of_day(world.check()).model_copy(update={"scores": ()}) == of_day(report).model_copy(update={"scores": ()})


def test_unknown_and_repeated_and_missing_keys_are_counted(world):
    rows = world.rows()
    unknown = [row | {"hour": 99} for row in rows[:2]]
    world.ask([*rows, *rows[:5], *unknown, rows[0] | {"hour": None}])
    day = of_day(world.check())
    assert (day.logged_rows, day.compared_rows, day.repeated_rows) == (32, 29, 5)
    assert (day.unknown_rows, day.keyless_rows, day.ambiguous_rows) == (2, 1, 0)


def test_a_key_that_was_delivered_twice_tells_nothing(world):
    import pyarrow as pa

    table = demand_rows(DAY)
    world.deliver(DAY, pa.concat_tables([table, table.slice(0, 2)]), revision=2)
    world.ask(world.rows())
    day = of_day(world.check())
    assert (day.compared_rows, day.ambiguous_rows) == (22, 2)


def test_requests_without_keys_are_not_compared(world):
    policy = LogPolicy(enabled=True, columns={"day": ColumnPolicy.DROP})
    world.spec = logging_spec(serving__log={"enabled": True, "columns": {"day": "drop"}})
    world.ask(world.rows(), policy=policy)
    day = of_day(world.check())
    assert day.note == "the rows of the log have no key: day is dropped by serving.log.columns"
    assert day.fields == ()
    assert [(score.rows, score.note) for score in day.scores] == [(24, "the log does not hold the values of day")]

    world.spec = logging_spec(dataset__key_columns=["hour", "rentals"])
    assert "rentals is no feature, so no request holds it" in of_day(world.check()).note


HASHED = {"enabled": True, "columns": {"hour": "hash", "weather": "hash", "temperature": "hash"}}
POLICY = LogPolicy(enabled=True, key=KEY, columns=dict.fromkeys(["hour", "weather", "temperature"], ColumnPolicy.HASH))


def test_what_a_version_was_asked_is_scored_again_by_its_own_fields_whatever_the_spec_names_today(world):
    world.ask(world.rows())
    features = {"numeric": ["hour", "temperature"], "date_parts": {"day": ["weekday"]}}
    world.spec = logging_spec(training__features=features)
    day = of_day(world.check())
    assert [(score.differing, score.note) for score in day.scores] == [(0, "")]
    assert [field.column for field in day.fields] == ["temperature"]


def test_hashed_fields_are_joined_and_compared_by_hash(world):
    world.spec = logging_spec(serving__log=HASHED)
    rows = world.rows()
    rows[2]["weather"], rows[3]["temperature"] = "hail", None
    world.ask(rows, policy=POLICY)
    report = world.check(log_key=KEY)
    weather, temperature = field_of(report, "weather"), field_of(report, "temperature")
    assert (weather.compared, weather.differing, weather.is_hash, weather.largest) == (24, 1, True, None)
    assert (temperature.differing, temperature.only_delivered) == (1, 1)
    assert "hail" not in report.model_dump_json()
    assert of_day(report).scores[0].note.startswith("the log does not hold the values of hour, temperature")


def test_hashes_whose_key_is_not_known_are_not_compared(world):
    world.spec = logging_spec(serving__log={**HASHED, "columns": {"weather": "hash"}})
    policy = POLICY.model_copy(update={"columns": {"weather": ColumnPolicy.HASH}})
    world.ask(world.rows(), policy=policy)
    day = of_day(world.check())
    assert day.not_compared == {"weather": "is hashed, and the key in titlebout_log_key is not known here"}
    assert [field.column for field in day.fields] == ["temperature"]


def test_a_policy_that_was_changed_in_between_is_no_skew(world):
    world.spec = logging_spec(serving__log={**HASHED, "columns": {"weather": "hash"}})
    world.ask(world.rows()[:12], policy=POLICY.model_copy(update={"columns": {"weather": ColumnPolicy.HASH}}))
    world.ask(world.rows()[12:])
    report = world.check(log_key=KEY)
    assert of_day(report).not_compared == {
        "weather": "is hashed in a part of the log only: its policy changed in between"
    }
    assert report.is_clean


# What the server answered then.


def test_logged_scores_that_the_version_does_not_give_are_found(world):
    rows = world.rows()
    scores = world.predictor.predict_rows(rows).tolist()
    scores[4] += 0.5
    world.ask(rows, scores=scores)
    report = world.check()
    [score] = of_day(report).scores
    assert (score.differing, score.rows) == (1, 24)
    assert score.largest == pytest.approx(0.5 / max(1, scores[4] - 0.5))
    [told] = findings_in(world)
    assert (told["kind"], told["columns"]) == ("scores", {world.champion.version: pytest.approx(1 / 24)})


def test_scores_of_a_shadow_are_looked_at_and_its_rows_counted_once(world):
    rows = world.rows()
    world.ask(rows)
    world.ask(rows, role=ReleaseRole.SHADOW, scores=[0.0] * 24)
    report = world.check()
    assert of_day(report).logged_rows == 24
    assert of_day(report).scores[0].differing == 24


def test_a_version_that_nobody_trained_is_said_and_its_features_are_compared(world):
    world.ask(world.rows(), version="2023-01-01-ffffffffffff")
    report = world.check()
    day = of_day(report)
    assert [score.note for score in day.scores] == ["is no trained version of this ledger and lake"]
    assert (day.compared_rows, day.versions, report.is_clean) == (24, {"2023-01-01-ffffffffffff": 24}, True)


def test_probabilities_of_classes_are_held_against_each_other(world):
    world = SkewWorld(kind="classes")
    rows = world.rows()
    scores = world.predictor.predict_rows(rows).tolist()
    scores[1] = [scores[1][1], scores[1][0], scores[1][2]]
    scores[2] = scores[2][:2]
    world.ask(rows, scores=scores)
    report = world.check()
    assert (report.golden.differing, report.golden.problem) == (0, None)
    [score] = of_day(report).scores
    assert (score.rows, score.differing, score.largest) == (48, 2, float("inf"))
    assert of_day(report).compared_rows == 48
    world.client.offset = 0.01
    assert world.check().golden.differing == 2 * world.check().golden.rows
    # Through the ledger and an XCom, where infinity is no number.
    assert SkewReport.model_validate(report.as_json()) == report


def test_history_features_are_as_old_as_the_version_and_that_is_said_but_no_finding(world):
    world = SkewWorld(kind="history")
    world.deliver("2024-01-15", demand_rows("2024-01-15", level=2.0))
    world.deliver("2024-01-16")
    for key in (DAY, "2024-01-16"):
        world.ask(world.rows(key), at=f"{key}T12:00:00")
    report = world.check()
    usual = {each.partition: next(f for f in each.fields if f.is_history) for each in report.partitions[-1:]}
    assert usual["2024-01-16"].differing == 24
    assert report.is_clean
    same = next(field for field in of_day(world.check(partition=DAY)).fields if field.is_history)
    assert (same.column, same.differing) == ("usual", 0)


# Which partitions.


def test_a_server_that_is_down_is_asked_again_later_and_what_it_logged_is_compared_all_the_same(world):
    world.ask([row | {"temperature": row["temperature"] + 1} for row in world.rows()])
    world.client.is_down = True
    with pytest.raises(UnavailableError):
        world.check()
    assert [finding["kind"] for finding in findings_in(world)] == ["features"]
    world.host.stop("demand")
    with pytest.raises(UnavailableError, match="no server runs"):
        world.check()


@pytest.mark.parametrize(
    ("is_on", "note"), [(True, "nothing was logged"), (False, "nothing was logged: serving.log is off")]
)
def test_no_log_is_no_evidence(world, is_on, note):
    world.spec = logging_spec(serving__log={"enabled": is_on})
    report = world.check()
    assert [(each.partition, each.note) for each in report.partitions] == [(NIGHT, note), (DAY, note)]
    assert report.is_clean


def test_a_partition_that_is_not_accepted_is_not_compared(world):
    world.deliver("2024-01-15", accepted=False)
    assert [each.partition for each in world.check().partitions] == [NIGHT, DAY]
    for key, stands in (("2024-01-15", "is quarantined"), ("2024-01-16", "was never ingested")):
        with pytest.raises(NotEnoughPartitionsError, match=stands):
            world.check(partition=key)


def test_looking_again_changes_nothing(world):
    world.ask([row | {"temperature": 0.0} for row in world.rows()])
    first = world.check()
    length = len(world.ledger.entries("demand"))
    assert world.check() == first
    assert len(world.ledger.entries("demand")) == length

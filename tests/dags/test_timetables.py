"""What Airflow's own timetable says about the runs of each cadence: schedule, backfill and trigger name alike."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import yaml

from fakes.specs import demand_document
from titlebout.core.cadences import Cadence
from titlebout.core.errors import PartitionKeyError
from titlebout.core.partitions import Calendar, resolve_key, to_timetable

pytestmark = pytest.mark.airflow

LENGTHS = {"hourly": 2, "daily": 2, "weekly": 28, "monthly": 93}


@pytest.fixture
def dag_of(project, read_dags):
    """Return a function that lets Airflow read the nightly DAG of a model of some cadence, as the scheduler has it."""

    def dag_of(cadence, timezone):
        days = LENGTHS[cadence]
        document = demand_document(
            name="timed",
            schedule__timezone=timezone,
            dataset__cadence=cadence,
            dataset__columns={"at": "timestamp", "temperature": "number", "rentals": "number"},
            dataset__time_column="at",
            dataset__key_columns=["at"],
            training__features={"numeric": ["temperature"]},
            training__window_days=2 * days,
            training__holdout_days=days,
        )
        (project / "include/models/timed.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        return read_dags().dags["timed_nightly"]

    return dag_of


def timetable_of(dag):
    from airflow.serialization.serialized_objects import DagSerialization

    return DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable


def scheduled(timetable, first, count):
    """Return when runs start, and their keys."""
    import pendulum
    from airflow.timetables.base import TimeRestriction

    restriction = TimeRestriction(earliest=pendulum.instance(first), latest=None, catchup=True)
    info, found = None, []
    for _ in range(count):
        info = timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction)
        found.append((info.run_after, info.partition_key))
    return found


SPANS = [
    ("hourly", "Europe/Berlin", datetime(2024, 3, 30, 22, tzinfo=UTC), 8, "2024-03-30T21", "2024-03-31T04"),
    ("hourly", "Europe/Berlin", datetime(2024, 10, 26, 22, tzinfo=UTC), 8, "2024-10-26T21", "2024-10-27T04"),
    ("hourly", "Asia/Kolkata", datetime(2024, 12, 31, 22, tzinfo=UTC), 4, "2024-12-31T21", "2025-01-01T00"),
    ("daily", "Europe/Berlin", datetime(2024, 3, 29, 23, tzinfo=UTC), 4, "2024-03-29", "2024-04-01"),
    ("daily", "Europe/Berlin", datetime(2024, 10, 25, 22, tzinfo=UTC), 4, "2024-10-25", "2024-10-28"),
    # Clocks skip midnight: on the 8th, the 1st, the 26th, the 31st and the 10th.
    ("daily", "America/Santiago", datetime(2024, 9, 6, 4, tzinfo=UTC), 5, "2024-09-05", "2024-09-09"),
    ("daily", "America/Asuncion", datetime(2023, 9, 29, 4, tzinfo=UTC), 5, "2023-09-28", "2023-10-02"),
    ("daily", "Africa/Cairo", datetime(2024, 4, 23, 22, tzinfo=UTC), 5, "2024-04-23", "2024-04-27"),
    ("daily", "Asia/Beirut", datetime(2024, 3, 28, 22, tzinfo=UTC), 5, "2024-03-28", "2024-04-01"),
    ("daily", "America/Havana", datetime(2024, 3, 8, 5, tzinfo=UTC), 5, "2024-03-07", "2024-03-11"),
    ("weekly", "Asia/Tehran", datetime(2022, 3, 13, 20, 30, tzinfo=UTC), 3, "2022-W10", "2022-W12"),
    ("monthly", "America/Asuncion", datetime(2023, 8, 1, 4, tzinfo=UTC), 4, "2023-07", "2023-10"),
    ("weekly", "Europe/Berlin", datetime(2020, 12, 20, 23, tzinfo=UTC), 5, "2020-W51", "2021-W02"),
    ("weekly", "America/New_York", datetime(2024, 3, 4, 5, tzinfo=UTC), 3, "2024-W09", "2024-W11"),
    ("weekly", "UTC", datetime(2024, 12, 23, tzinfo=UTC), 3, "2024-W51", "2025-W01"),
    ("monthly", "Europe/Berlin", datetime(2023, 11, 30, 23, tzinfo=UTC), 13, "2023-11", "2024-11"),
    ("monthly", "Pacific/Auckland", datetime(2024, 2, 29, 11, tzinfo=UTC), 3, "2024-02", "2024-04"),
]


@pytest.mark.parametrize("span", SPANS, ids=lambda span: f"{span[0]} {span[1]} {span[4]}")
def test_schedule_backfill_and_trigger_name_a_partition_alike(dag_of, span):
    cadence, timezone, first, count, oldest, newest = span
    timetable, calendar = timetable_of(dag_of(cadence, timezone)), Calendar(Cadence(cadence), timezone)
    runs = scheduled(timetable, first, count)
    wanted = [*calendar.between(oldest, newest)]
    assert [key for _, key in runs] == [to_timetable(key) for key in wanted]
    for (start, given), key in zip(runs, wanted, strict=True):
        begins, ends = calendar.bounds(key)
        assert start == ends, "a run starts when its partition is over"
        # The trigger form of Airflow, REST and CLI check a key by reading it back.
        assert timetable._decode_partition_date(given) == begins
        assert resolve_key({}, given, now=start, calendar=calendar) == key
        assert resolve_key({"partition": key}, given, now=start, calendar=calendar) == key
        with pytest.raises(PartitionKeyError, match="is not over yet"):
            resolve_key({}, given, now=start - timedelta(seconds=1), calendar=calendar)
    # A backfill is given clock faces, which Airflow takes to be in the timetable's zone.
    import pendulum

    faces = [
        pendulum.instance(each.astimezone(ZoneInfo(calendar.clock)).replace(tzinfo=UTC))
        for each, _ in map(calendar.bounds, wanted)
    ]
    filled = timetable.iter_partition_dagrun_infos(earliest=faces[0], latest=faces[-1])
    assert [(each.partition_key, each.partition_date) for each in filled] == [
        (to_timetable(key), calendar.bounds(key)[0]) for key in wanted
    ]


def test_a_week_without_its_day_is_refused_by_airflow_itself(dag_of):
    """Why the keys of weeks end with the Monday there: strptime reads no ISO week without a weekday."""
    from airflow.exceptions import InvalidPartitionKeyError

    timetable = timetable_of(dag_of("weekly", "UTC"))
    with pytest.raises(InvalidPartitionKeyError):
        timetable._decode_partition_date("2024-W18")
    calendar = Calendar(Cadence.WEEKLY)
    with pytest.raises(PartitionKeyError, match="give a week such as"):
        resolve_key({}, "2024-W18-3", now=datetime(2025, 1, 1, tzinfo=UTC), calendar=calendar)


def test_a_zone_whose_clocks_show_every_midnight_keeps_airflows_own_timetable(dag_of):
    from airflow.timetables.trigger import CronPartitionTimetable

    assert type(timetable_of(dag_of("daily", "Europe/Berlin"))) is CronPartitionTimetable
    # Hours are those of UTC everywhere.
    assert type(timetable_of(dag_of("hourly", "America/Santiago"))) is CronPartitionTimetable


def test_airflows_own_timetable_names_the_day_that_begins_where_clocks_skip_midnight():
    """Why there is another one: the run of that night would fail, as its day is not over."""
    from airflow.timetables.trigger import CronPartitionTimetable

    own = CronPartitionTimetable("0 0 * * *", timezone="America/Santiago", run_offset=-1, key_format="%Y-%m-%d")
    runs = scheduled(own, datetime(2024, 9, 6, 4, tzinfo=UTC), 4)
    assert [key for _, key in runs] == ["2024-09-05", "2024-09-06", "2024-09-08", "2024-09-08"]


FORMS = {
    "hourly": ("2024-05-02T03", ["2024-05-02", "2024-05-02T03:00", "T03"]),
    "weekly": ("2024-W18", ["2024-05-02", "2024-W18-3", "2024W18"]),
    "monthly": ("2024-05", ["2024-05-02", "2024-5", "May"]),
}


@pytest.mark.parametrize("cadence", FORMS)
def test_the_trigger_form_takes_keys_of_the_cadence_alone(dag_of, cadence):
    from airflow.sdk.exceptions import ParamValidationError

    good, bad = FORMS[cadence]
    dag = dag_of(cadence, "UTC")
    field = dag.params.get_param("partition")
    assert field.resolve(good) == good
    assert field.resolve(None) is None
    for key in bad:
        with pytest.raises(ParamValidationError):
            field.resolve(key)
    assert f"One run handles one partition: a{'n' if cadence == 'hourly' else ''} {cadence[:-2]}" in dag.doc_md

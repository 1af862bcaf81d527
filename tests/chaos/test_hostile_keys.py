"""What is no day never becomes a path, a query or a ledger entry, whatever door it comes through."""

import argparse
import datetime
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.chains import write_bike_sharing_ledger
from fakes.demand_days import run_of
from fakes.specs import demand_spec
from titlebout.adapters.databases.sql_source import SqlSourceReader
from titlebout.adapters.demo_source import DemoSourceReader
from titlebout.adapters.files_source import FilesSourceReader
from titlebout.adapters.s3.s3_source import S3SourceReader
from titlebout.cli.main import main
from titlebout.core.cadences import Cadence
from titlebout.core.drifting.drift_results import DriftFinding
from titlebout.core.errors import LakePathError, PartitionKeyError
from titlebout.core.lake_paths import checked_path
from titlebout.core.layout import partition_folder
from titlebout.core.partitions import Calendar, keys_between, parse_key, resolve_key, shift_key
from titlebout.core.reading.partition_query import parse_query
from titlebout.core.results import RunContext, RunKind
from titlebout.core.windows import Windows, nights_that_read
from titlebout.steps.ingest_partition import ingest_partition
from titlebout.steps.train_challenger import train_challenger
from titlebout.steps.validate_partition import validate_partition


def digits_of(zero: int) -> str:
    """Write a day in the digits of another script, or of another style, by the code point of their zero."""
    return "".join(chr(zero + int(sign)) if sign.isdigit() else sign for sign in "2024-01-01")


TEXTS = [
    "../x", "../../etc/passwd", "/etc/passwd", "a;b", "2024-01-01;ls", "2024-01-01/../x", "2024-01-01/", "./2024-01-01",
    "2024-02-30", "2023-02-29", "2024-13-01", "2024-00-10", "0000-01-01", "2024-1-1", "20240101", "2024-W01-1",
    "2024-01-01\n", "2024-01-01\r\n", " 2024-01-01", "2024-01-01 ", "\t2024-01-01", "2024-01-01\0", "\0",
    *(digits_of(zero) for zero in (0x660, 0x966, 0xFF10, 0x1D7CE)), "2024-01-0\uff11", "\uff12024-01-01",
    "2024\u201001\u201001", "2024\u221201\u221201", "2024-01-01\x7f", "2024-01-\xb2\xb3",
    "\u202e10-10-4202", "2024-01-01\u200b", "\ufeff2024-01-01", "%2e%2e", "%2e%2e%2fx", "2024%2D01%2D01", "..%c0%af",
    "2024-01-01T00:00", "2024-01-01' OR '1'='1", "'; DROP TABLE titlebout_ledger; --", "$(id)", "`id`", "{{ ds }}",
    "{partition}", "*", "2024-01-*", "2024-01-0?", "[0-9]", "x" * 300, "2024-01-01" * 30, "..", ".", "~", "-1", "CON",
    "C:\\x",
]  # fmt: skip
OTHERS = [
    0, 1, 20240101, True, False, 1.5, float("nan"), [], ["2024-01-01"], {}, {"partition": "2024-01-01"}, (),
    b"2024-01-01", datetime.date(2024, 1, 1), object(),
]  # fmt: skip
EMPTY = ["", None]

GOOD = "2024-01-13"
NOW = datetime.datetime(2024, 6, 1, tzinfo=datetime.UTC)
SPEC = demand_spec()

# Any text but a day, and days with something before, in or behind them.
NOISE = st.text(min_size=1, max_size=5)
DAYS = st.dates().map(datetime.date.isoformat)
TEXT = st.one_of(st.text(max_size=400), st.tuples(DAYS, NOISE).map("".join), st.tuples(NOISE, DAYS).map("".join))
HOSTILE = st.one_of(TEXT, st.integers(), st.booleans(), st.floats(), st.lists(DAYS), st.binary(max_size=20))


def is_day(key: object) -> bool:
    """Say independently of the code under test whether something is a key."""
    if not isinstance(key, str) or len(key) != 10 or not key.isascii():
        return False
    parts = key.split("-")
    if [len(part) for part in parts] != [4, 2, 2] or not all(part.isdigit() for part in parts):
        return False
    try:
        datetime.date(*map(int, parts))
    except ValueError:
        return False
    return True


class Untouchable:
    """A lake, ledger, registry, source, bucket or validator that nobody may ask anything."""

    def __getattr__(self, name: str):
        pytest.fail(f"asked for {name}")


def tree(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


@pytest.fixture
def untouched(tmp_path):
    """A folder with a file in it and one beside the root; nothing in it may change."""
    root = tmp_path / "raw"
    (root / "demand").mkdir(parents=True)
    (root / "demand" / f"{GOOD}.csv").write_text("day,hour,temperature,weather,rentals\n")
    (tmp_path / "x.csv").write_text("secret")
    before = tree(tmp_path)
    yield root
    assert tree(tmp_path) == before


class TestTheResolver:
    @pytest.mark.parametrize("key", [*TEXTS, *OTHERS])
    def test_a_key_in_the_conf_of_form_drift_or_api_is_refused(self, key):
        for run_key in (None, GOOD):
            with pytest.raises(PartitionKeyError):
                resolve_key({"partition": key}, run_key, now=NOW, calendar=Calendar())

    @pytest.mark.parametrize("key", [*TEXTS, *OTHERS, *EMPTY])
    def test_a_key_of_the_run_is_refused(self, key):
        with pytest.raises(PartitionKeyError):
            resolve_key({}, key, now=NOW, calendar=Calendar())

    @given(HOSTILE)
    def test_whatever_is_no_day_is_refused_and_every_day_is_taken(self, key):
        if is_day(key):
            assert parse_key(key).isoformat() == key
        else:
            with pytest.raises(PartitionKeyError) as refused:
                parse_key(key)
            assert len(str(refused.value)) < 150

    @given(HOSTILE)
    def test_the_resolver_returns_a_day_that_is_over_or_refuses(self, key):
        try:
            found = resolve_key({"partition": key}, GOOD, now=NOW, calendar=Calendar())
        except PartitionKeyError:
            return
        assert found == (key or GOOD)
        assert is_day(found)
        assert found < "2024-06-01"

    @pytest.mark.parametrize("key", [*TEXTS, *OTHERS, *EMPTY])
    def test_nothing_computes_with_it(self, key):
        for compute in (
            lambda: shift_key(key, 1),
            lambda: list(keys_between(key, GOOD)),
            lambda: list(keys_between(GOOD, key)),
            lambda: Calendar().bounds(key),
            lambda: Windows(SPEC, key),
        ):
            with pytest.raises(PartitionKeyError):
                compute()

    @pytest.mark.parametrize("key", ["0001-01-01", "9999-12-31"])
    def test_the_ends_of_the_calendar_are_an_error_and_no_crash(self, key):
        early = demand_spec(dataset__label_delay_days=1, dataset__first_partition="0001-01-01")
        zone, days = ("Asia/Tokyo", -1) if key == "0001-01-01" else ("Pacific/Pago_Pago", 1)
        for compute in (lambda: shift_key(key, days), lambda: Calendar(Cadence.DAILY, zone).bounds(key)):
            with pytest.raises(PartitionKeyError, match=r"beyond the years 1 to 9999|no partition key"):
                compute()
        for make in (
            lambda: Windows(early, key),
            lambda: nights_that_read(early, key),
            lambda: [*keys_between(key, key)],
        ):
            with suppress(PartitionKeyError):
                make()


class TestKeysOfOtherCadences:
    """They are sound keys, of some other model: no door of a daily one takes them."""

    @pytest.mark.parametrize("key", ["2024-01-01T03", "2024-W01", "2024-01"])
    def test_no_door_takes_them(self, key):
        run, nobody = run_of(GOOD).model_copy(update={"partition": key}), Untouchable()
        for door in (
            lambda: resolve_key({"partition": key}, GOOD, now=NOW, calendar=Calendar()),
            lambda: resolve_key({}, key, now=NOW, calendar=Calendar()),
            lambda: parse_key(key),
            lambda: list(keys_between(GOOD, key)),
            lambda: Windows(SPEC, key),
            lambda: nights_that_read(SPEC, key),
            lambda: ingest_partition(SPEC, run, source=nobody, lake=nobody, ledger=nobody),
            lambda: FilesSourceReader(Path("/nowhere"), SPEC.dataset).read(key),
            lambda: S3SourceReader(
                demand_spec(dataset__source={"kind": "s3", "bucket": "rides", "prefix": "{partition}"}).dataset, nobody
            ).read(key),
        ):
            with pytest.raises(PartitionKeyError):
                door()


@pytest.mark.airflow
class TestARun:
    @pytest.mark.parametrize("key", [*TEXTS, *OTHERS])
    def test_no_step_sees_it(self, key):
        from types import SimpleNamespace

        from titlebout.step_operator import run_context

        for conf, run_key in (({"partition": key}, GOOD), ({"partition": key}, None), ({}, key), (None, key)):
            if conf == {} and not key:
                continue  # an empty run key is no key, which has a test of its own
            dag_run = SimpleNamespace(conf=conf, partition_key=run_key, run_type="manual", run_id="r")
            with pytest.raises(PartitionKeyError):
                run_context({"dag_run": dag_run}, SPEC)


class TestSteps:
    """A run context is checked when it is made; one that was made past that check comes no further."""

    @pytest.mark.parametrize("key", [*TEXTS, *EMPTY])
    def test_what_drift_finds_and_what_a_run_is_for_has_the_form_of_a_key(self, key):
        is_formed_like_one = key in {"2024-02-30", "2023-02-29", "2024-13-01", "2024-00-10", "0000-01-01"}
        finding = {"model": "m", "champion": "c", "drifted_partitions": (), "columns": {}, "fingerprint": "f"}
        for make in (
            lambda: RunContext(partition=key, run_id="r", kind=RunKind.MANUAL),
            lambda: DriftFinding(newest_partition=key, **finding),
        ):
            if is_formed_like_one:
                make()
            else:
                with pytest.raises(ValueError, match="partition"):
                    make()

    @pytest.mark.parametrize("key", [*TEXTS, *OTHERS, *EMPTY])
    def test_no_step_asks_a_source_or_writes_anything(self, key):
        run = run_of(GOOD).model_copy(update={"partition": key})
        nobody = Untouchable()
        with pytest.raises(PartitionKeyError):
            ingest_partition(SPEC, run, source=nobody, lake=nobody, ledger=nobody)

    @pytest.mark.parametrize("key", [*TEXTS, *EMPTY])
    def test_later_steps_find_nothing_and_write_nothing(self, key):
        class OnlyRead(Untouchable):
            def state(self, model):
                from titlebout.core.ledgers.ledger import LedgerState

                return LedgerState()

        run, nobody = run_of(GOOD).model_copy(update={"partition": key}), Untouchable()
        with pytest.raises(Exception, match="partition"):
            validate_partition(SPEC, run, suite={}, lake=nobody, ledger=OnlyRead(), validator=nobody)
        with pytest.raises(PartitionKeyError):
            train_challenger(SPEC, run, lake=nobody, ledger=OnlyRead(), registry=nobody)


class TestPaths:
    @pytest.mark.parametrize("key", [*TEXTS, *OTHERS, *EMPTY])
    def test_it_is_never_part_of_a_path_in_the_lake(self, key):
        with pytest.raises(PartitionKeyError):
            partition_folder("demand", key, 1, "a" * 64)

    @given(TEXT)
    def test_what_the_lake_takes_stays_below_its_root(self, text):
        try:
            path = checked_path(f"demand/partitions/{text}/data.parquet")
        except LakePathError:
            return
        assert Path("/root", path).resolve().is_relative_to("/root/demand/partitions")
        assert path.isascii()


class TestSources:
    @pytest.mark.parametrize("key", [*TEXTS, *OTHERS, *EMPTY])
    def test_no_source_looks_for_it(self, key, untouched):
        def spec_of(**source):
            return demand_spec(dataset__source=source).dataset

        database = untouched.parent / "never-made.sqlite"
        query = parse_query("rows", "SELECT * FROM rows WHERE day = :partition", "rows.sql")
        import sqlalchemy as sa

        for source in (
            FilesSourceReader(untouched, SPEC.dataset),
            FilesSourceReader(untouched, spec_of(kind="files", path="demand/*.csv")),
            S3SourceReader(spec_of(kind="s3", bucket="rides", prefix="day={partition}/"), Untouchable()),
            SqlSourceReader(sa.URL.create("sqlite", database=str(database)), spec_of(kind="sql", query="rows"), query),
            DemoSourceReader(spec_of(kind="demo")),
        ):
            with pytest.raises(PartitionKeyError):
                source.read(key)

    @given(TEXT.filter(lambda text: not is_day(text)))
    def test_nor_for_any_other_text(self, text):
        with pytest.raises(PartitionKeyError):
            S3SourceReader(
                demand_spec(dataset__source={"kind": "s3", "bucket": "rides", "prefix": "{partition}"}).dataset,
                Untouchable(),
            ).read(text)


COMMANDS = [
    ("plan", "bike_sharing", "{}"),
    ("check", "bike_sharing", "--partition", "{}"),
    ("check", "bike_sharing", "--data", "--partition", "{}"),
    ("run", "bike_sharing", "--from", "{}", "--to", "2012-11-01"),
    ("run", "bike_sharing", "--from", "2012-11-01", "--to", "{}"),
    ("replay", "bike_sharing", "--from", "{}", "--to", "2012-11-01"),
    ("replay", "bike_sharing", "--from", "2012-11-01", "--to", "{}"),
    ("quarantine", "show", "bike_sharing", "{}"),
    ("quarantine", "release", "bike_sharing", "{}", "--by", "a", "--reason", "r", "--yes"),
    ("quarantine", "reject", "bike_sharing", "2012-10-29", "{}", "--by", "a", "--reason", "r", "--yes"),
    ("quarantine", "release", "bike_sharing", "--from", "{}", "--to", "2012-11-01", "--reason", "r", "--yes"),
    ("quarantine", "release", "bike_sharing", "--from", "2012-10-01", "--to", "{}", "--reason", "r", "--yes"),
    ("lineage", "bike_sharing", "--partition", "{}"),
    ("lineage", "bike_sharing", "{}"),
    ("served-at", "bike_sharing", "{}"),
    ("score", "bike_sharing", "{}", "--version", "champion"),
    ("nights", "bike_sharing", "--from", "{}"),
    ("nights", "bike_sharing", "--to", "{}"),
    ("predictions", "bike_sharing", "--from", "{}"),
    ("predictions", "bike_sharing", "--to", "{}"),
    ("drift", "bike_sharing", "--partition", "{}"),
    ("performance", "bike_sharing", "--from", "{}"),
    ("performance", "bike_sharing", "--to", "{}"),
    ("skew", "bike_sharing", "--partition", "{}"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Stores for the command line: a ledger with three days, and others that nobody may make."""
    folder = tmp_path_factory.mktemp("cli")
    with pytest.MonkeyPatch.context() as patch:
        ledger = write_bike_sharing_ledger(folder / "ledger.sqlite", patch)
        for name, extra in (
            ("LAKE", {"root_uri": (folder / "lake").as_uri()}),
            ("SOURCE", {"root": str(folder / "source")}),
            ("MLFLOW", {"tracking_uri": f"sqlite:///{folder / 'mlflow.sqlite'}"}),
        ):
            patch.setenv(f"AIRFLOW_CONN_TITLEBOUT_{name}", json.dumps({"extra": extra}))
        patch.chdir(folder)
        before = {path.name for path in folder.iterdir()}
        yield ledger
        assert {path.name for path in folder.iterdir()} == before


class TestCommandLine:
    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
    def test_every_argument_that_is_a_key_is_checked_first(self, command, place, capsys):
        count = len(place.entries("bike_sharing"))
        for key in [*TEXTS, ""]:
            if (command[0] == "served-at" and is_moment(key)) or (command[0] == "check" and not key):
                continue  # it is a moment; it stands for the newest day
            try:
                code = main([part.replace("{}", key) for part in command])
            except SystemExit as usage:  # argparse takes it for an option
                code = usage.code
            assert code == 2, key
            said = capsys.readouterr()
            assert said.out == ""
            assert len(said.err) < 2000
        assert len(place.entries("bike_sharing")) == count

    def test_every_command_with_a_key_is_tried_here(self):
        tried = {command[0] for command in COMMANDS}
        assert {name for name, parser in subparsers() if takes_a_key(parser)} <= tried


def is_moment(text: str) -> bool:
    try:
        datetime.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def subparsers():
    from titlebout.cli.main import build_parser

    waiting = [("", build_parser())]
    while waiting:
        name, parser = waiting.pop()
        yield name, parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                waiting += [(name or each, child) for each, child in action.choices.items()]


def takes_a_key(parser: argparse.ArgumentParser) -> bool:
    return any(
        action.dest in {"partition", "partitions"} or action.metavar in {"PARTITION", "KEY"}
        for action in parser._actions
    )

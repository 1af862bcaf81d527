"""`titlebout new`: a draft that loads and that most days pass, or one clear error and no file."""

import csv
import json
import random
import sqlite3
import uuid
from datetime import date, timedelta

import pytest
import yaml

from fakes.s3_server import s3_client, s3_settings
from titlebout.cli.main import main
from titlebout.demo.generator import DemandFeed
from titlebout.demo.scenario import deliver
from titlebout.project import load_model_spec, load_suite, source_query

DAYS = 40
DAY = date(2024, 1, 1)


@pytest.fixture
def project(tmp_path, monkeypatch):
    home = tmp_path / "project"
    home.mkdir()
    monkeypatch.setenv("TITLEBOUT_HOME", str(home))
    monkeypatch.delenv("AIRFLOW_CONN_TITLEBOUT_SOURCE", raising=False)
    monkeypatch.delenv("AIRFLOW_CONN_TITLEBOUT_S3", raising=False)
    monkeypatch.chdir(tmp_path)
    return home


def define_root(monkeypatch, root):
    defined = json.dumps({"conn_type": "generic", "extra": {"root": str(root)}})
    monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_SOURCE", defined)


def rides(days=DAYS, per_day=24):
    rng = random.Random(0)
    for number in range(days):
        for hour in range(per_day):
            zone = rng.choice(["north", "south", "west"])
            yield DAY + timedelta(days=number), hour, zone, round(10 + hour + rng.gauss(0, 6), 2)


def write_csv(path, header=("day", "hour", "zone", "sales"), rows=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, **options)
        writer.writerow(header)
        writer.writerows(rows if rows is not None else rides())


def write_days(folder, name="{day}.csv"):
    by_day = {}
    for row in rides():
        by_day.setdefault(row[0], []).append(row)
    for day, rows in by_day.items():
        write_csv(folder / name.format(day=day), rows=rows)


def test_one_file_gives_a_spec_and_a_suite_that_load(project, tmp_path, capsys):
    write_csv(tmp_path / "rides.csv")
    assert main(["new", "rides", "--from", "rides.csv", "--target", "sales"]) == 0
    spec = load_model_spec("rides")
    assert load_suite("rides")["expectations"]
    assert spec.dataset.source.path == "rides.csv"
    assert spec.dataset.key_columns == ("day", "hour")
    assert spec.dataset.target == "sales"
    said = capsys.readouterr().out
    assert f"{DAYS} of {DAYS} days tried would be accepted" in said
    assert "export AIRFLOW_CONN_TITLEBOUT_SOURCE=" in said


def test_the_drafted_project_passes_check_and_its_newest_day_would_be_accepted(project, tmp_path, monkeypatch, capsys):
    write_csv(tmp_path / "rides.csv")
    define_root(monkeypatch, tmp_path)
    assert main(["new", "rides", "--from", "rides.csv", "--target", "sales"]) == 0
    assert main(["check", "rides", "--data"]) == 0
    assert "2024-02-09 would be ingested with 24 rows" in capsys.readouterr().out


def test_the_day_in_paths_becomes_the_partition(project, tmp_path, monkeypatch):
    write_days(tmp_path / "raw" / "rides")
    define_root(monkeypatch, tmp_path / "raw")
    assert main(["new", "rides", "--from", "raw/rides/*.csv", "--target", "sales"]) == 0
    assert load_model_spec("rides").dataset.source.path == "rides/{partition}.csv"


def test_a_path_below_the_root_of_the_connection_is_found_too(project, tmp_path, monkeypatch):
    write_days(tmp_path / "raw" / "rides", "day={day}/part.csv")
    define_root(monkeypatch, tmp_path / "raw")
    assert main(["new", "rides", "--from", "rides/day={partition}/*.csv"]) == 0
    assert load_model_spec("rides").dataset.source.path == "rides/day={partition}/*.csv"


def test_a_lake_that_writes_year_month_and_day_apart_is_understood(project, tmp_path, monkeypatch, capsys):
    write_days(tmp_path / "raw", "year={day:%Y}/month={day:%-m}/day={day:%-d}/part-{day:%j}.csv")
    define_root(monkeypatch, tmp_path / "raw")
    assert main(["new", "rides", "--from", "raw/**/*.csv", "--target", "sales"]) == 0
    named = "year={partition:%Y}/month={partition:%-m}/day={partition:%-d}/*.csv"
    assert load_model_spec("rides").dataset.source.path == named
    assert main(["check", "rides", "--data"]) == 0
    assert "2024-02-09 would be ingested with 24 rows" in capsys.readouterr().out


def test_rows_without_a_date_get_the_day_that_their_path_names(project, tmp_path, monkeypatch, capsys):
    for number in range(DAYS):
        day = DAY + timedelta(days=number)
        rows = [(hour, f"{day:%j}-{hour}", 2 * hour + (hour * number) % 7) for hour in range(24)]
        write_csv(tmp_path / f"raw/day={day}/part.csv", header=("hour", "id", "sales"), rows=rows)
    define_root(monkeypatch, tmp_path / "raw")
    assert main(["new", "rides", "--from", "raw/*/*.csv", "--target", "sales"]) == 0
    spec = load_model_spec("rides")
    assert spec.dataset.source.path == "day={partition}/part.csv"
    assert spec.dataset.derived[spec.dataset.time_column].kind == "partition_start"
    assert f"{DAYS} of {DAYS} days tried would be accepted" in capsys.readouterr().out
    assert main(["check", "rides", "--data"]) == 0
    assert "2024-02-09 would be ingested with 24 rows" in capsys.readouterr().out


def test_a_place_that_a_person_names_counts_even_where_the_path_alone_would_not_show_it(project, tmp_path, capsys):
    write_days(tmp_path / "raw", "{day:%d.%m.%Y}.csv")
    assert main(["new", "rides", "--from", "raw/{partition:%d.%m.%Y}.csv", "--target", "sales"]) == 0
    assert load_model_spec("rides").dataset.source.path == "{partition:%d.%m.%Y}.csv"
    assert f"{DAYS} of {DAYS} days tried would be accepted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        ("raw/{partition:%m.%Y}.csv", "names no single day"),
        ("raw/{partition:%x}.csv", "write codes of %Y"),
        ("raw/{day}.csv", "braces other than"),
        ("raw/{partition:%Y%m%d}.csv", "01.01.2024.csv: does not name a day as"),
    ],
)
def test_a_place_that_names_no_day_is_a_mistake(project, tmp_path, capsys, given, mistake):
    write_days(tmp_path / "raw", "{day:%d.%m.%Y}.csv")
    assert main(["new", "rides", "--from", given]) == 2
    assert mistake in capsys.readouterr().err


def test_days_in_paths_that_are_not_those_of_the_rows_are_not_used(project, tmp_path, capsys):
    half = [*rides()]
    write_csv(tmp_path / "export-2024-03-01.csv", rows=half[:480])
    write_csv(tmp_path / "export-2024-03-02.csv", rows=half[480:])
    assert main(["new", "rides", "--from", "export-*.csv"]) == 0
    assert load_model_spec("rides").dataset.source.path == "export-*.csv"
    assert "so it is not used" in (project / "include" / "models" / "rides.yaml").read_text(encoding="utf-8")


def test_real_bad_days_are_named_with_their_reason(project, tmp_path, capsys):
    deliver(DemandFeed(), tmp_path / "demand", "{partition}.csv", "2024-05-01", "2024-06-30")
    assert main(["new", "demand", "--from", "demand/*.csv", "--target", "demand_kwh"]) == 0
    said = capsys.readouterr().out
    assert "56 of 60 days tried would be accepted" in said
    for bad in ("2024-06-07", "2024-06-13", "2024-06-19", "2024-06-25"):
        assert f"  {bad}: " in said
    spec = load_model_spec("demand")
    assert "peak_kw" in spec.training.features.excluded
    assert "area" in spec.training.features.categorical


def test_what_is_there_is_not_overwritten_unless_that_is_said(project, tmp_path, capsys):
    write_csv(tmp_path / "rides.csv")
    assert main(["new", "rides", "--from", "rides.csv"]) == 0
    path = project / "include" / "models" / "rides.yaml"
    path.write_text("mine", encoding="utf-8")
    assert main(["new", "rides", "--from", "rides.csv"]) == 2
    assert path.read_text(encoding="utf-8") == "mine"
    assert "--force" in capsys.readouterr().err
    assert main(["new", "rides", "--from", "rides.csv", "--force"]) == 0
    assert load_model_spec("rides").name == "rides"


def test_a_dry_run_prints_and_writes_nothing(project, tmp_path, capsys):
    write_csv(tmp_path / "rides.csv")
    assert main(["new", "rides", "--from", "rides.csv", "--dry-run"]) == 0
    assert [*project.rglob("*")] == []
    printed = capsys.readouterr().out
    assert "name: rides" in printed
    assert "expect_table_row_count_to_be_between" in printed


def test_another_home_is_written_to(project, tmp_path):
    write_csv(tmp_path / "rides.csv")
    assert main(["new", "rides", "--from", "rides.csv", "--home", str(tmp_path / "other")]) == 0
    assert (tmp_path / "other" / "expectations" / "rides.json").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--target", "sale"], "did you mean 'sales'"),
        (["--target", "day"], "yes and no"),
        (["--time-column", "hour"], "fitting: day"),
        (["--key", "day,x"], "no such column"),
        (["--keep", "60"], "write MIN:MAX"),
        (["--keep", "a:b"], "write MIN:MAX"),
        (["--timezone", "Mars"], "no IANA time zone"),
        (["--delimiter", ",,"], "give one character"),
        (["--delimiter", ";"], "no delimiter divides"),
        (["--task", "binary", "--target", "sales"], "must be 0 and 1"),
    ],
)
def test_a_wish_that_does_not_fit_is_answered_and_nothing_is_written(project, tmp_path, capsys, options, said):
    write_csv(tmp_path / "rides.csv")
    assert main(["new", "rides", "--from", "rides.csv", *options]) == 2
    assert said in capsys.readouterr().err
    assert [*project.rglob("*")] == []


@pytest.mark.parametrize("name", ["Rides", "../rides", "rides-1", "", "1rides", "r" * 64])
def test_a_name_that_is_none_is_refused_before_anything_is_read(project, capsys, name):
    assert main(["new", name, "--from", "nothing.csv"]) == 2
    assert "no name of a model" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no content"),
        (b"day,x\n", "the header"),
        (b"day,x\n2024-01-01,1\n", "1 rows are too few"),
        (b"day,x\n" + b",\n" * 50, "no column holds a value"),
        (bytes(range(256)) * 50, "null bytes"),
        (b"a,b\n" + b"1,2\n" * 50, "no column holds dates"),
        (b"day,x\n" + b"03/04/2024,1\n" * 50, "--day-first or --month-first"),
    ],
)
def test_a_hostile_file_has_one_clear_error_and_leaves_nothing(project, tmp_path, capsys, content, said):
    (tmp_path / "bad.csv").write_bytes(content)
    assert main(["new", "bad", "--from", "bad.csv"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert [*project.rglob("*")] == []


@pytest.mark.parametrize("where", ["nothing.csv", "*.csv", "sql:", "sql:shop", "sql:shop:rides"])
def test_a_source_that_is_not_there_is_answered(project, capsys, where):
    assert main(["new", "bad", "--from", where]) == 2
    assert capsys.readouterr().err.startswith("titlebout: ")


def test_files_outside_of_the_connections_root_are_refused(project, tmp_path, monkeypatch, capsys):
    write_csv(tmp_path / "rides.csv")
    define_root(monkeypatch, tmp_path / "raw")
    assert main(["new", "rides", "--from", "rides.csv"]) == 2
    assert "lies outside of" in capsys.readouterr().err


def test_weird_names_survive_the_round_trip(project, tmp_path):
    names = [
        'a "quoted"',
        "line\nbreak",
        "größe: #1",
        "- dash",
        "null",
        "{x}",
        "1e3",
        "\u2028",
        "tab\t",
        "😀",
        "%s",
        "*",
    ]
    rng = random.Random(0)
    rows = [[day, hour, *(rng.random() for _ in names), sales] for day, hour, _, sales in rides()]
    write_csv(tmp_path / "weird.csv", ["day", "hour", *names, "sales"], rows)
    assert main(["new", "weird", "--from", "weird.csv", "--target", "sales"]) == 0
    assert set(names) <= set(load_model_spec("weird").training.features.numeric)


def test_a_thousand_columns_give_a_valid_spec(project, tmp_path):
    rng = random.Random(0)
    rows = [[day, hour, *(rng.randrange(1000) for _ in range(1000)), sales] for day, hour, _, sales in rides(days=10)]
    write_csv(tmp_path / "wide.csv", ["day", "hour", *(f"c{n}" for n in range(1000)), "sales"], rows)
    assert main(["new", "wide", "--from", "wide.csv", "--target", "sales"]) == 0
    assert len(load_model_spec("wide").dataset.columns) == 1003
    assert len(load_suite("wide")["expectations"]) <= 300


def test_a_header_with_the_same_name_twice_leaves_both_out(project, tmp_path):
    rows = [[day, hour, 1, 2, sales] for day, hour, _, sales in rides()]
    write_csv(tmp_path / "twice.csv", ["day", "hour", "x", "x", "sales"], rows)
    assert main(["new", "twice", "--from", "twice.csv", "--target", "sales"]) == 0
    assert "x" not in load_model_spec("twice").dataset.columns


def test_a_german_export_needs_no_option(project, tmp_path):
    rows = [
        [f"{day:%d.%m.%Y}", hour, zone, f"1.{100 + hour},{abs(int(sales)):02}"] for day, hour, zone, sales in rides()
    ]
    write_csv(tmp_path / "umsatz.csv", ["Tag", "Stunde", "Zone", "Umsatz"], rows, delimiter=";")
    assert main(["new", "umsatz", "--from", "umsatz.csv", "--target", "Umsatz"]) == 0
    dataset = load_model_spec("umsatz").dataset
    assert dataset.source.delimiter == ";"
    assert dataset.parsing.decimal_separator == ","
    assert dataset.parsing.date_formats == {"Tag": "%d.%m.%Y"}


def test_a_table_becomes_a_query_with_bound_parameters(project, tmp_path, monkeypatch, capsys):
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute('CREATE TABLE rides (at text, zone text, "odd name" real, sales real)')
        rows = [(f"{day} {hour:02}:00:00", zone, hour / 7, sales) for day, hour, zone, sales in rides()]
        database.executemany("INSERT INTO rides VALUES (?, ?, ?, ?)", rows)
    defined = json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "shop.db")})
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", defined)
    assert main(["new", "rides", "--from", "sql:shop:rides", "--target", "sales"]) == 0
    spec = load_model_spec("rides")
    text = source_query(spec).text
    assert "at >= :start AND at < :end" in text
    assert '"odd name"' in text
    assert main(["new", "few", "--from", "sql:shop:SELECT * FROM rides WHERE zone <> 'west'", "--target", "sales"]) == 0
    assert "zone <> 'west'" in source_query(load_model_spec("few")).text
    assert main(["new", "bad", "--from", "sql:shop:DELETE FROM rides"]) == 2
    assert "reads" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("named", "prefix"),
    [("day={day}/part.csv", "day={partition}/"), ("{day:%Y/%m/%d}/run-{day:%j}/part.csv", "{partition:%Y/%m/%d}/")],
)
def test_objects_of_a_bucket_become_a_prefix(project, tmp_path, monkeypatch, named, prefix):
    write_days(tmp_path / "raw", named)
    bucket, settings = f"test-{uuid.uuid4().hex[:12]}", s3_settings()
    s3_client().create_bucket(Bucket=bucket)
    for path in (tmp_path / "raw").rglob("*.csv"):
        key = f"rides/{path.relative_to(tmp_path / 'raw').as_posix()}"
        s3_client().put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
    s3_client().put_object(Bucket=bucket, Key="rides/_SUCCESS", Body=b"")
    extra = {"endpoint_url": settings.endpoint_url, "region_name": settings.region_name}
    defined = {"conn_type": "aws", "login": settings.access_key, "password": settings.secret_key, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_S3", json.dumps(defined))
    assert main(["new", "rides", "--from", f"s3://{bucket}/rides/", "--target", "sales"]) == 0
    source = load_model_spec("rides").dataset.source
    assert (source.bucket, source.prefix, source.format) == (bucket, f"rides/{prefix}", "csv")
    assert main(["check", "rides", "--data"]) == 0
    assert main(["new", "again", "--from", f"s3://{bucket}/rides/{prefix}", "--target", "sales"]) == 0
    assert load_model_spec("again").dataset.source.prefix == f"rides/{prefix}"
    assert main(["new", "odd", "--from", f"s3://{bucket}/rides/{{partition:%d%m%Y}}/"]) == 2
    assert main(["new", "none", "--from", f"s3://{bucket}/nothing/"]) == 2


def test_comments_are_no_part_of_the_spec(project, tmp_path):
    write_csv(tmp_path / "rides.csv")
    assert main(["new", "rides", "--from", "rides.csv"]) == 0
    text = (project / "include" / "models" / "rides.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=./schema.json")
    assert "GUESS" in text
    assert "GUESS" not in str({k: v for k, v in yaml.safe_load(text).items() if k != "training"})


def test_an_error_begins_a_line_of_its_own_behind_what_was_told_on_the_way(project, capsys, monkeypatch, tmp_path):
    write_csv(tmp_path / "rides.csv")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert main(["new", "rides", "--from", str(tmp_path / "rides.csv"), "--target", "nope"]) == 2
    said = capsys.readouterr().err
    assert "\x1b[Klooking for types" in said
    assert "\x1b[Ktitlebout: " in said

"""The ledger with few and with many entries, against bare SQL on the same database.

A ledger of one model and a ledger of a hundred are filled with the same chain for each model. What concerns one model
must cost the same in both; what concerns all may grow with them. Bare statements go over one open connection with the
same durability, and take turns with the ledger's calls.

    python benchmarks/ledger.py [--quick] [--check]
"""

import argparse
import hashlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from results_page import machine, print_json, write_section
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.adapters.sql_ledger.ledger_tables import entry_row
from titlebout.core.ledgers.ledger import EntryKind, LedgerEntry
from titlebout.core.ledgers.ledger_chain import ChainHead
from titlebout.core.ledgers.ledger_export import export_line
from titlebout.core.results import Snapshot

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from fakes.postgres import start_server

ENTRIES = 1000
MODELS = 100
LARGEST_GROWTH = 1.5
NOISE_MS = 1.0  # of calls that take no longer themselves
FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
COLUMNS = {f"column_{n}": "double" for n in range(16)}
# Largest cost of a call in times of its bare counterpart.
GOALS = {
    "open": 10.0,
    "append": 6.0,
    "state": 6.0,
    "served_at": 6.0,
    "last 20 entries": 1.0,
    "show": 4.0,
    "verify one": 5.0,
    "verify all": 5.0,
    "overview": 0.5,
}
# These concern one model and must not grow with the others.
OF_ONE_MODEL = ("open", "append", "state", "served_at", "last 20 entries", "show", "verify one")


def payloads(model: str) -> Iterator[tuple[EntryKind, dict[str, Any]]]:
    """Yield what the nights of a model record."""
    for night in count():
        day = f"{FIRST_DAY + timedelta(days=night):%Y-%m-%d}"
        sha256, version = f"{night:064x}", f"{day}-{night:012x}"
        snapshot = Snapshot(
            model=model,
            partition=day,
            revision=1,
            data_path=f"{model}/partitions/{day}/1-{sha256[-12:]}/data.parquet",
            data_sha256=sha256,
            content_sha256=sha256,
            size_bytes=100_000,
            rows=24,
            columns=COLUMNS,
            min_time=FIRST_DAY,
            max_time=FIRST_DAY,
            source_uri=f"file:///srv/raw/{model}/{day}.csv",
            code_version="0.1.0",
        )
        yield EntryKind.PARTITION_INGESTED, {"snapshot": snapshot.as_json()}
        judged = {"partition": day, "revision": 1, "data_sha256": sha256, "report_path": "r" * 90, "failures": []}
        yield EntryKind.PARTITION_ACCEPTED if night % 20 else EntryKind.PARTITION_REJECTED, judged
        yield EntryKind.CHALLENGER_TRAINED, {"version": version, "partition": day, "model_sha256": sha256}
        yield EntryKind.VERDICT_REACHED, {"verdict": {"outcome": "keep", "numbers": [0.1 * n for n in range(100)]}}
        if night % 5 == 0:
            yield EntryKind.RELEASE_STARTED, {"version": version, "partition": day, "champion": None}
            yield EntryKind.RELEASE_SETTLED, {"version": version, "partition": day, "token": 1, "reason": "gain 0.1"}


def chain(model: str) -> Iterator[LedgerEntry]:
    """Yield a model's entries, minutes apart."""
    head = ChainHead(model=model)
    for number, (kind, payload) in zip(range(ENTRIES), payloads(model), strict=False):
        now = FIRST_DAY + timedelta(minutes=number)
        entry = head.next_entry(kind, payload, actor=f"run:{number}", once=f"{kind}:{number}", now=now)
        yield entry
        head = ChainHead.of(entry)


@dataclass(frozen=True)
class Place:
    """A filled ledger and a bare connection to its database."""

    url: str
    ledger: SqlLedger
    bare: Any
    names: tuple[str, ...]

    @classmethod
    def fill(cls, url: str, models: int) -> "Place":
        """Restore the chains into an empty database."""
        ledger = SqlLedger(url)
        names = tuple(f"model_{number:03}" for number in range(models))
        ledger.restore(entry for name in names for entry in chain(name))
        bare = sa.create_engine(url).raw_connection()
        cursor = bare.cursor()
        if url.startswith("sqlite"):
            cursor.execute("PRAGMA synchronous = FULL")
        else:
            cursor.execute("ANALYZE")
        columns = "recorded_at text, kind text, payload text, actor text, once text, previous_sha256 text, sha256 text"
        cursor.execute(f"CREATE TABLE bare (model text, sequence integer, {columns}, PRIMARY KEY (model, sequence))")
        bare.commit()
        return cls(url, ledger, bare, names)

    def select(self, where: str = "") -> list[tuple[Any, ...]]:
        """Fetch rows and do nothing with them."""
        cursor = self.bare.cursor()
        cursor.execute(f"SELECT * FROM titlebout_ledger {where} ORDER BY model, sequence")
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        self.bare.commit()
        return rows

    def select_and_hash(self, where: str = "") -> None:
        """Fetch rows, read their payloads and hash them: what no proof can do without."""
        for model, sequence, moment, kind, payload, *rest in self.select(where):
            document = [model, sequence, moment, kind, json.loads(payload), *rest]
            hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()

    def insert(self, entry: LedgerEntry) -> None:
        """Insert and commit a row."""
        row = entry_row(entry)
        marks = ", ".join(["?" if self.url.startswith("sqlite") else "%s"] * len(row))
        self.bare.cursor().execute(f"INSERT INTO bare ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
        self.bare.commit()


def calls(place: Place) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """Return what is measured: the ledger's call, and the bare statement that it is held against."""
    ledger, name = place.ledger, place.names[len(place.names) // 2]
    noon = FIRST_DAY + timedelta(hours=12)
    rows, numbers = iter(chain("bare")), count()
    more = payloads(name)

    def connect() -> None:
        engine = sa.create_engine(place.url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")

    def append() -> None:
        kind, payload = next(more)
        ledger.append(name, kind, payload, actor="run:now", once=f"now:{next(numbers)}")

    where = f"WHERE model = '{name}'"
    return {
        "open": (lambda: SqlLedger(place.url).entries("nobody"), connect),
        "append": (append, lambda: place.insert(next(rows))),
        "state": (lambda: ledger.state(name), lambda: place.select(where)),
        "served_at": (lambda: ledger.state(name).served_at(noon), lambda: place.select(where)),
        "last 20 entries": (lambda: ledger.entries(name, newest=20), lambda: place.select(where)),
        "show": (lambda: [export_line(entry) for entry in ledger.entries(name)], lambda: place.select_and_hash(where)),
        "verify one": (lambda: ledger.audit(name), lambda: place.select_and_hash(where)),
        "verify all": (lambda: [ledger.audit(each) for each in ledger.models()], place.select_and_hash),
        "overview": (ledger.overview, place.select),
    }


def measure(places: dict[int, Place], rounds: int) -> dict[str, Any]:
    """Measure every call at both sizes, all in turn: milliseconds by call, size, and ledger or bare."""
    found: dict[str, Any] = {}
    for what in GOALS:
        times: dict[tuple[int, str], list[float]] = {}
        turns = rounds * {"append": 4, "verify all": 0.1}.get(what, 1)
        table = {size: calls(place) for size, place in places.items()}
        for _ in range(int(turns)):
            for size in places:
                for kind, call in zip(("ledger", "bare"), table[size][what], strict=True):
                    started = time.perf_counter()
                    call()
                    times.setdefault((size, kind), []).append(1000 * (time.perf_counter() - started))
        # The fastest run is the one that other work disturbed least; how long a disk flushes is chance, though.
        pick = statistics.median if what == "append" else min
        found[what] = {f"{kind} {size}": pick(values) for (size, kind), values in times.items()}
        small, large = places
        found[what]["ratio"] = found[what][f"ledger {large}"] / found[what][f"bare {large}"]
        found[what]["growth"] = found[what][f"ledger {large}"] / found[what][f"ledger {small}"]
    return found


def is_reached(what: str, figures: dict[str, float]) -> bool:
    """Whether one call meets its goals."""
    small, large = (value for name, value in figures.items() if name.startswith("ledger"))
    does_not_grow = large <= max(LARGEST_GROWTH * small, small + NOISE_MS)
    return figures["ratio"] <= GOALS[what] and (what not in OF_ONE_MODEL or does_not_grow)


def section(results: dict[str, dict[str, Any]], sizes: tuple[int, int]) -> str:
    """Write the section of RESULTS.md."""
    small, large = (f"{size * ENTRIES:,}" for size in sizes)
    columns = (f"ledger {sizes[0]}", f"ledger {sizes[1]}", "growth", f"bare {sizes[1]}", "ratio")
    lines = [
        f"| {database} | {what} | {' | '.join(f'{figures[column]:.2f}' for column in columns)} | {GOALS[what]:g} |"
        for database, found in results.items()
        for what, figures in found.items()
    ]
    head = (
        f"| database | call | {small} entries, ms | {large} entries, ms | growth | bare at {large}, ms | ratio | goal |"
    )
    table = "\n".join([head, "|---|---|---|---|---|---|---|---|", *lines])
    return f"""## The ledger: {ENTRIES:,} entries a model, {sizes[0]} model and {sizes[1]} models

`python benchmarks/ledger.py`; fastest of several turns, for `append` their median; {machine()}.

{table}

*Bare* is a new connection for `open`, INSERT and COMMIT of the same row for `append`, and for all others `SELECT *` of
the one model's rows, or of all for the last two calls; where every entry is read, the rows' JSON is parsed and hashed
too, and nothing is checked. *Growth* is the cost among {sizes[1]} models in times of the cost alone: at most
{LARGEST_GROWTH}, or {NOISE_MS:g} ms more, for what concerns one model."""


def main() -> int:
    """Measure, write the section, print the figures; with --check fail where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer models and rounds; RESULTS.md stays as it is")
    parser.add_argument("--check", action="store_true", help="exit 1 where a goal is missed")
    options = parser.parse_args()
    sizes = (1, 10 if options.quick else MODELS)
    rounds = 30 if options.quick else 60
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        results["SQLite"] = measure({size: Place.fill(f"sqlite:///{folder}/{size}.db", size) for size in sizes}, rounds)
        server = sa.make_url(start_server(durable=True))
        results["Postgres"] = measure({size: Place.fill(_new_database(server, size), size) for size in sizes}, rounds)
    reached = all(is_reached(what, figures) for found in results.values() for what, figures in found.items())
    if not options.quick:
        write_section("ledger", section(results, sizes))
    print_json({"benchmark": "ledger", "results": results, "reached": reached})
    return int(options.check and not reached)


def _new_database(server: sa.URL, size: int) -> str:
    name = f"bench_{size}"
    with sa.create_engine(server, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return server.set(database=name).render_as_string(hide_password=False)


if __name__ == "__main__":
    sys.exit(main())

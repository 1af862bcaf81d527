"""A version has the same bytes in another process: there sets and dictionaries of texts have another order."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TRAINED = """
import hashlib, json
from fakes.demand_days import DemandWorld, demand_rows, run_of
from fakes.specs import demand_spec
from titlebout.core.partitions import keys_between
from titlebout.steps.compare_with_champion import compare_with_champion
from titlebout.steps.train_challenger import train_challenger

world = DemandWorld(demand_spec(training__threads=THREADS, dataset__key_columns=["day", "hour", "temperature"]))
for key in keys_between("2024-01-01", "2024-01-13"):
    world.deliver(key, demand_rows(key, rows=1500))
challenger = train_challenger(world.spec, run_of("2024-01-13"), **world.stores)
verdict = compare_with_champion(world.spec, run_of("2024-01-13"), challenger=challenger, **world.stores)
hashes = {path: hashlib.sha256(data).hexdigest() for path, data in world.lake.objects.items()}
print(json.dumps([hashes, verdict.model_dump_json()], sort_keys=True))
"""


def of_another_process(hash_seed: int, threads: int) -> list:
    root = Path(__file__).resolve().parents[2]
    paths = os.pathsep.join(map(str, (root / "tests", root / "plugins")))
    found = subprocess.run(
        [sys.executable, "-c", TRAINED.replace("THREADS", str(threads))],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": paths},
        capture_output=True,
        check=True,
    )
    return json.loads(found.stdout.splitlines()[-1])


def test_files_of_a_version_and_its_verdict_are_the_same_in_every_process():
    first, *others = [of_another_process(*pair) for pair in ((0, 1), (1, 2), (2, 8))]
    assert len([path for path in first[0] if "/versions/" in path]) >= 6
    assert all(other == first for other in others)

import io

import numpy as np
import pyarrow.parquet as pq
import pytest

from fakes.demand_days import DemandWorld
from fakes.specs import demand_spec
from titlebout.core.errors import CorruptObjectError
from titlebout.core.insights.insight import SAMPLE_PARTITIONS, SAMPLE_ROWS, explain
from titlebout.core.pages.insight_files import tracked_details
from titlebout.steps.describe_version import describe_version


@pytest.fixture(scope="module")
def world():
    world = DemandWorld()
    world.deliver_days("2024-01-01", "2024-01-13")
    return world


@pytest.fixture(scope="module")
def challenger(world):
    return world.train("2024-01-13")


def test_an_insight_is_the_same_on_any_number_of_threads(world, challenger):
    first, second = (explain(world.spec, world.lake, challenger, threads=threads) for threads in (1, 2))
    assert first.insight == second.insight
    assert first.shap_parquet == second.shap_parquet


def test_a_version_is_explained_on_rows_that_it_has_not_seen(world, challenger):
    insight = explain(world.spec, world.lake, challenger, threads=1).insight
    assert insight.explained_on == "holdout"
    assert [key for key, _ in insight.partitions] == ["2024-01-11", "2024-01-12", "2024-01-13"]
    assert set(insight.curve.errors) == {"training", "holdout"}
    assert insight.unit == "rentals"


def test_without_a_holdout_it_is_explained_on_its_newest_training_rows(world, challenger):
    alone = challenger.model_copy(update={"proof": challenger.proof.model_copy(update={"holdout": ()})})
    insight = explain(world.spec, world.lake, alone, threads=1).insight
    assert insight.explained_on == "training"
    assert len(insight.partitions) == SAMPLE_PARTITIONS
    assert insight.partitions[-1][0] == "2024-01-10"
    assert sum(rows for _, rows in insight.partitions) <= SAMPLE_ROWS


def test_the_example_is_what_the_booster_says_of_rows_of_the_table(world, challenger):
    explained = explain(world.spec, world.lake, challenger, threads=1)
    table = pq.read_table(io.BytesIO(explained.shap_parquet))
    margin = sum(table.column(f"{name}:shap").to_numpy() for name in explained.feature_names)
    margin += table.column("bias").to_numpy()
    for row, output in zip(explained.example, explained.outputs, strict=True):
        same = np.all([table.column(n).to_numpy() == v for n, v in zip(explained.feature_names, row, strict=True)], 0)
        assert margin[same] == pytest.approx(output, rel=1e-5)


def test_what_is_tracked_is_bounded_and_drawn(world, challenger):
    explained = explain(world.spec, world.lake, challenger, threads=1)
    card = describe_version("demand", challenger.version, lake=world.lake, ledger=world.ledger, spec=None)
    details = tracked_details(explained, card)
    assert sum(map(len, details.files.values())) < 100_000
    assert details.files["insight/importance.csv"].splitlines()[1].startswith(b"hour,")
    for name in ("importance", "shap_values"):
        assert details.files[f"insight/{name}.svg"].startswith(b"<svg")


def test_a_model_that_was_changed_is_not_explained(world, challenger):
    changed = challenger.model_copy(update={"model_sha256": "0" * 64})
    with pytest.raises(CorruptObjectError):
        explain(demand_spec(), world.lake, changed, threads=1)

import pytest

from fakes.demand_days import DemandWorld
from fakes.specs import demand_spec
from titlebout.core.errors import SpecError
from titlebout.core.learning.recipes import Recipe
from titlebout.core.learning.version_training import train_files
from titlebout.core.machine.graphics_card import refuse_missing_card
from titlebout.core.partitions import keys_between
from titlebout.steps.reproduce_version import CARD_TOLERANCE, Reproduction, are_alike


def has_card():
    try:
        refuse_missing_card()
    except SpecError:
        return False
    return True


def trained(device):
    spec, world = demand_spec(training__device=device), DemandWorld()
    refs = [world.deliver(key) for key in keys_between("2024-01-01", "2024-01-10")]
    return train_files(spec, world.lake, Recipe.of(spec, "2024-01-13", refs), refs)


@pytest.mark.skipif("has_card()", reason="a graphics card is at hand")
def test_without_a_card_nothing_is_trained_on_the_cpu_instead():
    with pytest.raises(SpecError, match=r"training\.device: cuda: .*set training\.device to cpu"):
        trained("cuda")


def test_an_xgboost_without_cuda_is_said(monkeypatch):
    monkeypatch.setattr("xgboost.build_info", lambda: {"USE_CUDA": False})
    with pytest.raises(SpecError, match="was built without CUDA"):
        trained("cuda")


def test_the_recipe_says_which_device_made_a_version():
    named = {Recipe.of(demand_spec(training__device=device), "2024-01-13", ()).version for device in ("cpu", "cuda")}
    assert len(named) == 2


@pytest.mark.skipif("not has_card()", reason="no graphics card is at hand")
def test_a_card_learns_what_the_cpu_learns():
    on_card, again, on_cpu = trained("cuda"), trained("cuda"), trained("cpu")
    assert are_alike(on_card.metrics, again.metrics)
    assert on_card.metrics["training_rmse"] == pytest.approx(on_cpu.metrics["training_rmse"], rel=0.05)


def test_only_what_the_booster_made_may_differ_and_only_from_a_card():
    def found(*, is_alike, **differing):
        names = ("model.ubj", "golden.json", "plan.json", "recipe.json")
        is_equal = {name: name.partition(".")[0] not in differing for name in names}
        return Reproduction(
            version="v", partitions=1, rows=1, is_equal=is_equal, is_alike=is_alike, changed=()
        ).is_reproduced

    assert found(is_alike=True, model=1, golden=1)
    assert not found(is_alike=False, model=1)
    assert not found(is_alike=True, plan=1)
    assert not are_alike({"rmse": 1.0}, {"rmse": 1 + 2 * CARD_TOLERANCE})
    assert not are_alike({"rmse": 1.0}, {"rmse": float("nan")})

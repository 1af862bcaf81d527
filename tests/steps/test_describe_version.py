import json

import pytest

from fakes.demand_days import DemandWorld, run_of
from fakes.read_page import ReadPage
from fakes.specs import demand_spec
from titlebout.core.errors import CorruptObjectError, ObjectMissingError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.pages.card_markdown import card_markdown
from titlebout.core.pages.card_page import card_page
from titlebout.core.pages.page_frame import Place
from titlebout.steps.compare_with_champion import compare_with_champion
from titlebout.steps.describe_version import describe_version

EVIL = "<script>alert(1)</script> | [link](javascript:alert(2))"
RULES = {"comparison__slices": {"columns": ["weather"], "min_rows": 20}, "description": "Rentals per hour."}


def train(world, partition="2024-01-13"):
    return world.train(partition)


def compare(world, challenger):
    return compare_with_champion(world.spec, run_of(challenger.partition), challenger=challenger, **world.stores)


def describe(world, version, spec=None):
    return describe_version("demand", version, lake=world.lake, ledger=world.ledger, spec=spec)


def page(card):
    found = ReadPage(card_page(card, Place("../../")))
    found.check_harmless()
    return found


@pytest.fixture
def world():
    world = DemandWorld(spec=demand_spec(**RULES))
    world.deliver_days("2024-01-01", "2024-01-14")
    return world


def test_a_card_says_what_a_version_is_for_made_of_and_how_good_it_is(world):
    champion = train(world)
    compare(world, champion)
    world.release(champion)
    challenger = train(world, "2024-01-14")
    verdict = compare(world, challenger)
    written = card_markdown(describe(world, challenger.version, world.spec))
    for said in (
        "Rentals per hour.",
        "| training | 2024-01-02 | 2024-01-11 | 10 | 240 |",
        "| holdout | 2024-01-12 | 2024-01-14 | 3 | 72 |",
        f"| challenger | {verdict.challenger_error:.6g} |",
        f"{100 * verdict.gain_low:+.2f} % to {100 * verdict.gain_high:+.2f} %",
        "slice weather=clear",
        "| hour | quantity |",
        "| weather | category, 3 known |",
        "| xgboost.max\\_depth | 6 |",
        f"titlebout reproduce demand {challenger.version}",
        world.ledger.state("demand").partitions["2024-01-12"].snapshot.data_sha256,
        "It knows nothing from before 2024-01-02 or after 2024-01-11",
        "Any weather other than the 3 known ones",
    ):
        assert said in written
    shown = page(describe(world, challenger.version, world.spec))
    assert "Error while trees were added" in shown.text
    assert "../bouts/2024-01-14?entry=" in " ".join(shown.links)


def test_a_card_follows_the_version_through_its_life(world):
    version = train(world)
    assert "there was no bout yet" in describe(world, version.version).standing
    assert "was not judged" in " ".join(describe(world, version.version).limits())
    compare(world, version)
    assert describe(world, version.version).standing == "never served; its last bout ended: promote"
    world.release(version)
    assert describe(world, version.version).standing.startswith("serves since")
    world.release(train(world, "2024-01-14"))
    assert describe(world, version.version).standing.startswith("served until")


def test_days_that_were_missing_and_columns_that_are_left_out_are_limits():
    spec = demand_spec(training__features={"numeric": ["hour"], "excluded": {"temperature": "not known in time"}})
    world = DemandWorld(spec=spec)
    world.deliver_days("2024-01-01", "2024-01-04")
    world.deliver_days("2024-01-07", "2024-01-13")
    limits = " ".join(describe(world, train(world).version).limits())
    assert "2024-01-05, 2024-01-06" in limits
    assert "It does not look at temperature: not known in time." in limits


@pytest.mark.parametrize("harm", ["lost", "changed"])
def test_a_card_goes_without_an_insight_that_the_lake_lost_or_changed(world, harm):
    version = train(world)
    (path,) = [path for path in world.lake.objects if "insight-" in path]
    if harm == "lost":
        del world.lake.objects[path]
    else:
        world.lake.objects[path] = world.lake.objects[path].replace(b"0", b"1")
    card = describe(world, version.version)
    assert card.insight is None
    assert "| hour | quantity |" in card_markdown(card)
    assert "SHAP" not in page(card).text.replace("Mean SHAP", "")


def test_a_version_of_an_older_release_has_a_card_too(world):
    version = train(world)
    entry = world.ledger.entries("demand", kinds={EntryKind.CHALLENGER_TRAINED})[-1]
    for name in ("insight_path", "insight_sha256"):
        entry.payload.pop(name)
    assert describe(world, version.version).insight is None


def test_an_unknown_version_has_no_card_and_a_changed_one_is_refused(world):
    version = train(world)
    with pytest.raises(ObjectMissingError, match="has no version"):
        describe(world, "../secret")
    world.lake.objects[version.recipe_path] = json.dumps({}).encode()
    with pytest.raises(CorruptObjectError):
        describe(world, version.version)


def test_hostile_words_of_a_spec_are_text_in_both_forms(world):
    card = describe(world, train(world).version, demand_spec(description=EVIL, owner=EVIL))
    assert EVIL in page(card).text
    written = card_markdown(card)
    assert "<script>" not in written.replace("\\<script\\>", "")
    assert "\\[link\\]" in written

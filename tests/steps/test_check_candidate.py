import pytest

from fakes.candidate_bench import IMAGE_ID, MemoryBench
from fakes.demand_days import run_of
from fakes.serving_world import MODEL, NEW, CrashError, ServingWorld, Wire, interrupter, verdict_on
from fakes.specs import demand_spec
from titlebout.core.candidates.candidate_check import CandidateCheck
from titlebout.core.candidates.permits import newest_check
from titlebout.core.errors import CorruptObjectError, DeploymentError, UnavailableError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.results import Outcome, RunKind
from titlebout.steps.check_candidate import check_candidate


@pytest.fixture
def served() -> ServingWorld:
    """Return a world in which the old version serves, whose spec says that containers serve."""
    world = ServingWorld()
    world.deploy(verdict_on(world.old, None))
    world.spec = demand_spec(deployment__target="docker")
    world.host.image = IMAGE_ID
    return world


@pytest.fixture
def bench() -> MemoryBench:
    return MemoryBench()


def check(world: ServingWorld, bench: MemoryBench, verdict=None, kind=RunKind.SCHEDULED):
    asked = verdict or verdict_on(world.new, world.old)
    stores = {"lake": world.lake, "ledger": world.ledger}
    return check_candidate(world.spec, run_of(NEW, kind), verdict=asked, **stores, bench=bench)


def checks(world: ServingWorld) -> list[CandidateCheck]:
    entries = world.ledger.entries(MODEL, kinds={EntryKind.CANDIDATE_CHECKED})
    return [CandidateCheck.model_validate(entry.payload["check"]) for entry in entries]


def test_a_good_candidate_passes_and_its_numbers_are_recorded(served, bench):
    done = check(served, bench)
    assert done.has_passed
    assert checks(served) == [done]
    assert (done.version, done.image_id, done.image) == (served.new.version, IMAGE_ID, "titlebout-serving:latest")
    assert (done.memory_mb, done.p99_ms, done.largest_difference) == (90, 0.9, 0.0)
    assert done.rows > served.spec.deployment.golden_rows + 10  # the hard ones come on top
    assert bench.examined[0]["version"] == served.new.version
    assert len(bench.examined[0]["data_sha256"]) == 64


def test_asking_again_asks_the_image_no_second_time(served, bench):
    assert check(served, bench) == check(served, bench)
    assert len(bench.examined) == len(checks(served)) == 1


def test_another_image_is_another_check(served, bench):
    check(served, bench)
    bench.image = "sha256:" + "2" * 64
    assert check(served, bench).image_id == bench.image
    assert len(checks(served)) == 2


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"tamper": lambda score: score + 0.01}, "score differently in the image"),
        ({"tamper": lambda score: "nan"}, "nan instead of"),
        ({"changes": {"single_scores": ()}}, "one by one"),
        ({"changes": {"version": "another"}}, "serves another"),
        ({"changes": {"memory_bytes": 2**30}}, "memory_mb is 1024 MiB, deployment.budgets allows 768"),
        ({"failure": DeploymentError("out of memory at 1024 MiB")}, "out of memory"),
    ],
)
def test_a_candidate_that_does_not_show_itself_fails_and_is_recorded(served, changes, problem):
    with pytest.raises(DeploymentError, match=f"{served.new.version} did not pass.*{problem}"):
        check(served, MemoryBench(**changes))
    assert not newest_check(served.ledger, MODEL, served.new.version).has_passed
    with pytest.raises(DeploymentError, match=problem):
        served.deploy(verdict_on(served.new, served.old))
    served.assert_serves(served.old)


def test_a_failed_check_is_made_again_when_the_task_is_cleared(served, bench):
    with pytest.raises(DeploymentError):
        check(served, MemoryBench(tamper=lambda score: -score))
    assert check(served, bench).has_passed
    served.deploy(verdict_on(served.new, served.old))
    served.assert_serves(served.new)


def test_an_engine_that_does_not_answer_leaves_no_judgement(served):
    with pytest.raises(UnavailableError):
        check(served, MemoryBench(is_down=True))
    assert checks(served) == []


@pytest.mark.parametrize("outcome", [Outcome.KEEP, Outcome.INCONCLUSIVE])
def test_where_nothing_was_won_nothing_is_checked(served, bench, outcome):
    said = check(served, bench, verdict_on(served.new, served.old, outcome=outcome, reasons=("no gain",)))
    assert said == f"the verdict is {outcome}: no gain"
    assert bench.examined == []


def test_a_backfill_checks_nothing(served, bench):
    assert "backfill" in check(served, bench, kind=RunKind.BACKFILL)
    assert bench.examined == []


def test_what_serves_already_is_not_checked_again(served, bench):
    assert "serves already" in check(served, bench, verdict_on(served.old, None))


def test_a_verdict_against_another_champion_is_out_of_date(served, bench):
    with pytest.raises(DeploymentError, match="clear compare_with_champion"):
        check(served, bench, verdict_on(served.new, None))


def test_a_version_that_is_not_what_was_trained_never_reaches_an_image(served, bench):
    served.lake.objects[served.new.model_path] = b"damaged"
    with pytest.raises(CorruptObjectError):
        check(served, bench)
    assert bench.examined == []


# --- what deploy_model makes of it ----------------------------------------------------------------


def refused(world: ServingWorld, match: str) -> None:
    entries = len(world.ledger.entries(MODEL))
    with pytest.raises(DeploymentError, match=match):
        world.deploy(verdict_on(world.new, world.old))
    assert len(world.ledger.entries(MODEL)) == entries  # no attempt was made
    world.assert_serves(world.old)


def test_a_container_serves_what_passed_in_its_image(served, bench):
    check(served, bench)
    served.deploy(verdict_on(served.new, served.old))
    served.assert_serves(served.new)


def test_without_a_check_no_container_serves_it(served):
    refused(served, "has not been checked in its serving image; clear check_candidate")


def test_a_check_in_another_image_is_none(served, bench):
    check(served, bench)
    served.host.image = "sha256:" + "2" * 64
    refused(served, "was checked in image 111111111111, but 222222222222 would serve it")


def test_the_newest_check_counts(served, bench):
    check(served, bench)
    failed = checks(served)[0].model_copy(update={"problems": ("it broke",)})
    served.ledger.append(MODEL, EntryKind.CANDIDATE_CHECKED, {"check": failed.as_json()}, actor="test")
    refused(served, "it broke")


def test_the_check_of_another_version_is_none(served, bench):
    other = served.train("2024-01-12")
    passed = CandidateCheck(model=MODEL, version=other.version, image="i", image_id=IMAGE_ID, largest_difference=0.0)
    served.ledger.append(MODEL, EntryKind.CANDIDATE_CHECKED, {"check": passed.as_json()}, actor="test")
    refused(served, "has not been checked")


@pytest.mark.parametrize("target", ["process", "none"])
def test_a_target_without_an_image_needs_no_check(served, target):
    served.spec = demand_spec(deployment__target=target)
    served.deploy(verdict_on(served.new, served.old))
    assert served.state.champion.version == served.new.version


def test_a_champion_that_lost_its_server_needs_no_check_to_serve_on(served):
    del served.host.servers[MODEL]
    served.deploy(verdict_on(served.new, served.old, outcome=Outcome.KEEP))
    served.assert_serves(served.old)


def test_the_server_is_renewed_to_the_image_of_the_check_and_to_no_other(served, bench):
    refused(served, "has not been checked")
    assert served.host.renewed == []
    check(served, bench)
    served.deploy(verdict_on(served.new, served.old))
    assert served.host.renewed == [MODEL]


# --- crashes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(2), ids=["examine", "append"])
def test_a_task_that_died_at_any_step_is_cleared_and_finishes_the_same_release(served, bench, at, after):
    around = interrupter(at, after=after, error=CrashError)
    with pytest.raises(CrashError):
        check_candidate(
            served.spec,
            run_of(NEW),
            verdict=verdict_on(served.new, served.old),
            lake=served.lake,
            ledger=Wire(served.ledger, ("append",), around),
            bench=Wire(bench, ("examine",), around),
        )
    assert check(served, bench).has_passed
    assert len(checks(served)) == 1
    served.deploy(verdict_on(served.new, served.old))
    served.assert_serves(served.new)

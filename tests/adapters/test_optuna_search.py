from titlebout.adapters.optuna_search import OptunaSearch
from titlebout.core.specs.search_spec import SearchRange

SPACE = {"eta": SearchRange(low=0, high=1)}


def best(*, warm: bool) -> float:
    study, errors = OptunaSearch().study(SPACE, seed=3), []
    if warm:
        for number in range(10):
            eta = 0.7 + number / 1000
            study.add({"eta": eta}, abs(eta - 0.707))
            study.add({"eta": number / 20}, 0.5)
    for _ in range(12):
        errors.append(abs(study.ask()["eta"] - 0.707))
        study.tell(errors[-1])
    return sum(errors) / len(errors)


def test_what_it_is_told_of_trials_from_elsewhere_makes_its_proposals_better():
    assert best(warm=True) < best(warm=False) * 0.75

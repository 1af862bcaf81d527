from titlebout.core.performance.change_causes import CauseOfChange, tell_apart

SIGNS = ("has_broken_data", "has_lost", "is_judged", "has_moved_scores", "has_moved_features")
NOTHING = dict.fromkeys(SIGNS, False) | {"is_judged": True}


def test_no_sign_is_no_cause():
    assert tell_apart(**NOTHING) == ()


def test_each_sign_is_a_cause_of_its_own_and_several_may_hold():
    assert tell_apart(**NOTHING | dict(has_broken_data=True)) == (CauseOfChange.BROKEN_DATA,)
    assert tell_apart(**NOTHING | dict(has_moved_scores=True)) == (CauseOfChange.PREDICTION_DRIFT,)
    assert tell_apart(**NOTHING | dict(has_moved_features=True)) == (CauseOfChange.COVARIATE_DRIFT,)
    everything = dict.fromkeys(SIGNS, True)
    assert tell_apart(**everything) == (
        CauseOfChange.BROKEN_DATA,
        CauseOfChange.PERFORMANCE_LOSS,
        CauseOfChange.PREDICTION_DRIFT,
    )


def test_drift_is_called_harmless_only_where_labels_say_so():
    assert tell_apart(**NOTHING | dict(has_moved_features=True, is_judged=False)) == ()

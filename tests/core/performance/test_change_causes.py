from titlebout.core.performance.change_causes import CauseOfChange, Signs, tell_apart

NOTHING = Signs(has_broken_data=False, has_lost=False, is_judged=True, has_moved_scores=False, has_moved_features=False)


def test_no_sign_is_no_cause():
    assert tell_apart(NOTHING) == ()


def test_each_sign_is_a_cause_of_its_own_and_several_may_hold():
    assert tell_apart(NOTHING._replace(has_broken_data=True)) == (CauseOfChange.BROKEN_DATA,)
    assert tell_apart(NOTHING._replace(has_moved_scores=True)) == (CauseOfChange.PREDICTION_DRIFT,)
    assert tell_apart(NOTHING._replace(has_moved_features=True)) == (CauseOfChange.COVARIATE_DRIFT,)
    everything = Signs(*[True] * 5)
    assert tell_apart(everything) == (
        CauseOfChange.BROKEN_DATA,
        CauseOfChange.PERFORMANCE_LOSS,
        CauseOfChange.PREDICTION_DRIFT,
    )


def test_drift_is_called_harmless_only_where_labels_say_so():
    assert tell_apart(NOTHING._replace(has_moved_features=True, is_judged=False)) == ()

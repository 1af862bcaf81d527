"""Results survive the way through JSON, also where a number is none."""

import json
import math

from titlebout.core.results import Outcome, RunContext, RunKind, Verdict


def verdict(**numbers):
    return Verdict(
        model="demand",
        partition="2024-01-01",
        outcome=Outcome.INCONCLUSIVE,
        reasons=("not a number",),
        challenger="a",
        champion=None,
        metric="mae",
        **numbers,
    )


def test_nan_and_infinity_travel_as_text_and_come_back_as_numbers():
    document = verdict(gain=math.nan, gain_low=-math.inf).as_json()
    json.dumps(document, allow_nan=False)
    back = Verdict.model_validate(document)
    assert math.isnan(back.gain)
    assert back.gain_low == -math.inf


def test_only_a_backfill_is_not_live():
    live = {kind: RunContext(partition="2024-01-01", run_id="r", kind=kind).is_live for kind in RunKind}
    assert live == {RunKind.SCHEDULED: True, RunKind.MANUAL: True, RunKind.BACKFILL: False}

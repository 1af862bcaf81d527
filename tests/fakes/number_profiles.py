"""Profiles of numbers that a test writes down."""

import numpy as np

from titlebout.core.drifting.column_profile import NumberProfile
from titlebout.core.drifting.number_tally import NumberTally


def number_profile(values, missing=0):
    """Return the profile of some numbers, NaN is missing, and of further missing values."""
    tally = NumberTally()
    tally.add(np.asarray(values, dtype=np.float64))
    return tally.profile() + NumberProfile(missing=missing)

"""The correction of p-values for looking at many columns at once."""

from collections.abc import Sequence


def benjamini_hochberg(p_values: Sequence[float], rate: float) -> float:
    """Return the p-value up to which each counts as a discovery; none does where all are larger.

    Of all discoveries at most the share `rate` is false, where tests are independent or depend positively, as
    features of one world do. If nothing has changed at all, a discovery is made in no more than that share of cases.

    Source: Y. Benjamini, Y. Hochberg, Controlling the False Discovery Rate, JRSS B 57 (1995).

    >>> benjamini_hochberg([0.04, 0.001, 0.6, 0.02], rate=0.05)
    0.025
    """
    ordered = sorted(p_values)
    counted = [rank for rank, p in enumerate(ordered, 1) if p <= rate * rank / len(ordered)]
    return rate * max(counted, default=1) / max(len(ordered), 1)

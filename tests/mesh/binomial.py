"""Whether a count is what a share makes likely."""

from math import sqrt

_SIGMAS = 4.0  # one good run in 16,000 fails


def within(count: int, *, of: int, share: float) -> bool:
    """Whether ``count`` out of ``of`` is within four standard deviations of what a binomial of ``share`` expects."""
    return abs(count - of * share) <= _SIGMAS * sqrt(of * share * (1 - share))

"""Whether a count is what a share makes likely."""

from math import sqrt

_SIGMAS = 4.5  # one good run in 150,000 is outside by chance


def bounds(*, of: int, share: float) -> tuple[float, float]:
    """So many standard deviations below and above what a binomial of ``share`` expects of ``of``."""
    spread = _SIGMAS * sqrt(of * share * (1 - share))
    return of * share - spread, of * share + spread


def within(count: int, *, of: int, share: float) -> bool:
    """Whether ``count`` out of ``of`` is likely."""
    low, high = bounds(of=of, share=share)
    return low <= count <= high

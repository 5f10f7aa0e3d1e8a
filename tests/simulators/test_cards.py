"""The draw of tok_visa and the settings, as pure functions."""

from collections.abc import Mapping

import pytest

from simulators.gateway.cards import draw, outcome
from simulators.gateway.config import Config, ConfigError

REQUIRED = {"GATEWAY_DATABASE_URL": "postgresql:///gateway", "GATEWAY_KEY": "key"}


def declined(*, seed: str, rate: float = 0.10, count: int = 2000) -> set[str]:
    references = [f"order-{number}" for number in range(count)]
    return {
        reference
        for reference in references
        if outcome(token="tok_visa", reference=reference, seed=seed, failure_rate=rate).decline_code
    }


@pytest.mark.parametrize("seed", ["shop", "tests", "42"])
def test_the_share_of_declines_is_the_rate(seed: str) -> None:
    """2,000 draws at 10 %: 200 declines, give or take four standard deviations (13.4)."""
    assert 146 <= len(declined(seed=seed)) <= 254


def test_the_same_seed_declines_the_same_references() -> None:
    """A second run declines exactly the same ones; another seed others."""
    assert declined(seed="a") == declined(seed="a") != declined(seed="b")


def test_a_higher_rate_declines_more_of_the_same() -> None:
    """Raising the rate keeps every decline there was: none at 0, all at 1."""
    assert declined(seed="a", rate=0) == set()
    assert declined(seed="a", rate=0.1) < declined(seed="a", rate=0.3)
    assert len(declined(seed="a", rate=1)) == 2000


def test_draws_lie_between_zero_and_one() -> None:
    """Never 1.0, so that a rate of 1 declines everything."""
    assert all(0 <= draw(seed="a", reference=str(number)) < 1 for number in range(500))


def test_settings_have_the_documented_defaults() -> None:
    """Only address and key are needed."""
    config = Config.from_environ(REQUIRED)
    assert (config.failure_rate, config.hang_s, config.outage_s) == (0.10, 5.0, 90.0)


@pytest.mark.parametrize(
    "environ",
    [
        {"GATEWAY_KEY": "key"},
        {"GATEWAY_DATABASE_URL": "postgresql:///gateway", "GATEWAY_KEY": ""},
        {**REQUIRED, "PAYMENT_FAILURE_RATE": "1.5"},
        {**REQUIRED, "PAYMENT_FAILURE_RATE": "often"},
        {**REQUIRED, "GATEWAY_HANG_S": "nan"},
        {**REQUIRED, "GATEWAY_OUTAGE_S": "-1"},
    ],
)
def test_wrong_settings_are_named(environ: Mapping[str, str]) -> None:
    """A missing or malformed setting stops the start and is named; an absent key never means an open door."""
    with pytest.raises(ConfigError, match=r"GATEWAY_|PAYMENT_"):
        Config.from_environ(environ)

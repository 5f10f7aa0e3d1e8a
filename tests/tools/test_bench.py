"""What `make bench` makes of its measurements."""

from tools.bench.__main__ import compared


def test_topologies_are_divided_by_the_one_before() -> None:
    """Each by its own bare view first, so that a machine that was busier during one of them changes nothing."""
    head, *rows = compared(
        {"one": {"list": 0.8, "order": 0.1}, "split": {"list": 0.4, "order": 0.05}, "lab": {"list": 0.1, "order": 0.02}}
    )
    assert head.split("  ")[-1].strip() == "lab ÷ split"
    assert [row.split() for row in rows] == [
        ["list", "0.800", "0.400", "0.100", "0.50", "0.25"],
        ["order", "0.100", "0.050", "0.020", "0.50", "0.40"],
    ]


def test_without_a_lab_two_are_compared() -> None:
    _, row = compared({"one": {"list": 0.8}, "split": {"list": 0.4}})
    assert row.split() == ["list", "0.800", "0.400", "0.50"]

"""Figures of the last hours or days for the cards: one bounded statement each, by the database's clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from django.db import connection
from django.db.models import QuerySet

NEWEST = 50_000  # rows a card looks at; a chart of more would look the same
COUNTED = 1_000  # rows a card counts: beyond, "1,000+" says as much

# Width of a bar in PostgreSQL's words, number of bars, and what they span together. A table that is younger than the
# usual chart is drawn from its beginning: in the narrowest bars that reach so far.
_Bars = tuple[str, int, str]
_USUAL: dict[str, _Bars] = {"hour": ("1 hour", 24, "24 hours"), "day": ("1 day", 14, "14 days")}
_YOUNG: tuple[_Bars, ...] = (
    ("10 seconds", 24, "4 minutes"),
    ("20 seconds", 24, "8 minutes"),
    ("1 minute", 24, "24 minutes"),
    ("5 minutes", 24, "2 hours"),
    ("15 minutes", 24, "6 hours"),
    ("1 hour", 24, "24 hours"),
)


@dataclass(frozen=True, slots=True)
class Chart:
    """``rows`` of the measures asked for, oldest first, one per bar; ``is_today`` says which are of this UTC day.

    ``span`` is what all bars cover, up to now.
    """

    today: date
    span: str
    is_today: Sequence[bool]
    rows: Sequence[Sequence[Decimal]]

    def series(self, measure: int = 0) -> list[float]:
        """One measure, oldest first."""
        return [float(row[measure]) for row in self.rows]

    def of_today(self, measure: int = 0) -> Decimal:
        """The sum of one measure since midnight, UTC."""
        return sum((row[measure] for row, today in zip(self.rows, self.is_today, strict=True) if today), Decimal(0))

    def total(self, measure: int = 0) -> Decimal:
        """The sum of one measure over the whole chart."""
        return sum((row[measure] for row in self.rows), Decimal(0))


def chart(
    table: str,
    *,
    at: str,
    step: Literal["hour", "day"] = "hour",
    measures: Sequence[str] = ("count(*)",),
    where: str = "TRUE",
    values: Sequence[Any] = (),
) -> Chart:
    """``measures`` of ``table`` for each of the last 24 hours or 14 days of its column ``at``, which is indexed.

    Where no row is that old, for as many shorter steps as the oldest of them needs. All but ``values`` is SQL of
    the caller's own; measures aggregate the rows of one bar.
    """
    wanted = ", ".join(f"{measure} AS m{index}" for index, measure in enumerate(measures))
    shown = ", ".join(f"coalesce(m{index}, 0)" for index in range(len(measures)))
    known = ", ".join(f"(interval '{width}', {bars}, '{span}')" for width, bars, span in (*_YOUNG, _USUAL[step]))
    usual, bars, _ = _USUAL[step]
    begin = f"date_trunc('{step}', statement_timestamp()) - interval '{usual}' * {bars - 1}"
    bounds = {"known": known, "usual": usual, "begin": begin, "newest": NEWEST}
    sql = _CHART.format(table=table, at=at, where=where, wanted=wanted, shown=shown, **bounds)
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values])
        rows = cursor.fetchall()
    today, span = rows[-1][:2]
    return Chart(today, span, [row[2] for row in rows], [[Decimal(value) for value in row[3:]] for row in rows])


def counted(queryset: QuerySet[Any]) -> int:
    """How many rows there are, COUNTED + 1 for any number above."""
    return queryset.order_by()[: COUNTED + 1].count()


def text(count: int) -> str:
    """A result of ``counted`` as it is shown."""
    return f"{COUNTED:,}+" if count > COUNTED else f"{count:,}"


_CHART = """
WITH bar AS (
    SELECT width, bars, span, date_bin(width, statement_timestamp(), 'epoch') AS newest
    FROM (VALUES {known}) known (width, bars, span)
    WHERE width = interval '{usual}'
        OR statement_timestamp() - width * (bars - 1) < (SELECT min({at}) FROM {table} WHERE {at} >= {begin})
    ORDER BY width LIMIT 1
), recent AS (
    SELECT * FROM {table} WHERE {at} >= {begin} AND {where} ORDER BY {at} DESC LIMIT {newest}
), told AS (
    SELECT date_bin((SELECT width FROM bar), {at}, 'epoch') AS at, {wanted} FROM recent GROUP BY 1
)
SELECT (statement_timestamp() AT TIME ZONE 'UTC')::date, span, at >= date_trunc('day', statement_timestamp()), {shown}
FROM bar, generate_series(newest - width * (bars - 1), newest, width) at LEFT JOIN told USING (at)
ORDER BY at
"""

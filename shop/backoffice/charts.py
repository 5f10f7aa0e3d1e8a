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

_STEPS = {"hour": 24, "day": 14}


@dataclass(frozen=True, slots=True)
class Chart:
    """``rows`` of the measures asked for, oldest first, one per step; ``is_today`` says which are of this UTC day."""

    today: date
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

    All but ``values`` is SQL of the caller's own; measures aggregate the rows of one step.
    """
    wanted = ", ".join(f"{measure} AS m{index}" for index, measure in enumerate(measures))
    shown = ", ".join(f"coalesce(m{index}, 0)" for index in range(len(measures)))
    sql = _CHART.format(table=table, at=at, where=where, step=step, wanted=wanted, shown=shown, back=_STEPS[step] - 1)
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values])
        rows = cursor.fetchall()
    return Chart(rows[-1][0], [row[1] for row in rows], [[Decimal(value) for value in row[2:]] for row in rows])


def counted(queryset: QuerySet[Any]) -> int:
    """How many rows there are, COUNTED + 1 for any number above."""
    return queryset.order_by()[: COUNTED + 1].count()


def text(count: int) -> str:
    """A result of ``counted`` as it is shown."""
    return f"{COUNTED:,}+" if count > COUNTED else f"{count:,}"


_CHART = """
WITH recent AS (
    SELECT * FROM {table}
    WHERE {at} >= date_trunc('{step}', statement_timestamp()) - interval '{back} {step}' AND {where}
    ORDER BY {at} DESC LIMIT 50000
), told AS (
    SELECT date_trunc('{step}', {at}) AS step, {wanted} FROM recent GROUP BY 1
)
SELECT (statement_timestamp() AT TIME ZONE 'UTC')::date, step >= date_trunc('day', statement_timestamp()), {shown}
FROM generate_series(
    date_trunc('{step}', statement_timestamp()) - interval '{back} {step}',
    date_trunc('{step}', statement_timestamp()), interval '1 {step}'
) step LEFT JOIN told USING (step)
ORDER BY step
""".replace("50000", str(NEWEST))

"""``python -m tools.staff_page [--write]``: docs/staff-roles.md, from the table in ``shop/staff.py``.

Without ``--write`` the exit status is 1 when the page is stale.
"""

import sys
from itertools import groupby
from pathlib import Path

from shop.staff import EVERYTHING, STAFF_ROLES, StaffRole

PAGE = Path(__file__).resolve().parent.parent / "docs/staff-roles.md"
USUAL = ["view", "add", "change", "delete"]
HEAD = """# Staff roles

Who of the staff may do what, in the admin of every role and in the API. Generated from
`shop/staff.py` by `python -m tools.staff_page --write`; `tests/identity/test_staff_walk.py` walks
every cell through the pages. An account may have several roles; administrators give them, in the
admin under Customers.

An empty cell: not even to look at. What no cell names nobody does by hand: a ledger is never
changed, an order never deleted.
"""


def page() -> str:
    """The whole page: a table for each app, a row for each model, a column for each staff role."""
    tables = [_table(app, list(models)) for app, models in groupby(EVERYTHING, key=lambda name: name.split(".")[0])]
    return "\n".join([HEAD, *tables])


def _table(app: str, models: list[str]) -> str:
    roles = list(STAFF_ROLES.values())
    rows = [f"| {app} | {' | '.join(role.title for role in roles)} |", "|---" * (len(roles) + 1) + "|"]
    for model in models:
        cells = [_words(role, model) for role in roles]
        rows.append(f"| {model.split('.')[1]} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _words(role: StaffRole, model: str) -> str:
    granted = role.grants.get(model, frozenset())
    own = sorted(granted - set(USUAL))
    return " ".join([*(action for action in USUAL if action in granted), *own])


def main() -> int:
    """Compare or write."""
    if "--write" in sys.argv:
        PAGE.write_text(page())
    elif not PAGE.exists() or PAGE.read_text() != page():
        print("docs/staff-roles.md is stale: python -m tools.staff_page --write", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

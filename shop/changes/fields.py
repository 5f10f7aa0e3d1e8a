"""Columns that name the acting member of the staff by themselves."""

from django.db.models import Func, UUIDField


class StaffActor(Func):
    """For ``db_default``: the account of the staff member who acts in this transaction; null for anyone else."""

    template = "nullif(current_setting('shop.actor', true), '')::uuid"
    output_field = UUIDField()

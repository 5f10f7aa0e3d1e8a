"""Jobs that every role has: relaying its events, forgetting what nobody may ask for again."""

from functools import partial

from shop import jobs
from shop.changes.retention import tidy_changes
from shop.env import env
from shop.events.relay import relay_once
from shop.events.retention import tidy_events
from shop.idempotency.retention import tidy_keys
from shop.identity.retention import tidy_sign_ons
from shop.roles import ROLES

_HOUR_S = 3600.0

for _role in (role for role in env.serves if role in ROLES):
    jobs.add(jobs.Job(_role, "relay", env.sweep_s, partial(relay_once, emitter=_role)))
_first = env.serves[0]  # tables that a process's roles share are tidied by one of them
if _first in ROLES:
    jobs.add(jobs.Job(_first, "tidy_events", _HOUR_S, tidy_events))
    jobs.add(jobs.Job(_first, "tidy_keys", _HOUR_S, tidy_keys))
    jobs.add(jobs.Job(_first, "tidy_changes", _HOUR_S, tidy_changes))
    jobs.add(jobs.Job(_first, "tidy_sign_ons", _HOUR_S, tidy_sign_ons))

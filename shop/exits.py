"""Why a command would not start, as one line and one exit code.

| code | meaning |
|---|---|
| 69 | a server named by DATABASE_URL or REDIS_URL, or an embedded one, cannot be reached or started |
| 70 | a child process kept dying, so everything was stopped |
| 73 | the data folder cannot be used: another version's, another user's, or not writable |
| 75 | already running in this folder, or the port is taken |
| 78 | the environment is wrong: unknown role, malformed address or number |

The numbers are those of sysexits.h, so that none collides with Django's 1 or the audit's 1 and 2.
"""

import os


class StartError(SystemExit):
    """A refusal to start. ``str()`` is the line for whoever started it.

    A SystemExit, so that gunicorn, Celery and ``python -m`` print that line and no traceback too.
    """

    exit_code = os.EX_SOFTWARE


class ServerUnreachable(StartError):
    """A database or broker does not answer."""

    exit_code = os.EX_UNAVAILABLE


class KeepsDying(StartError):
    """A child process ended more often than restarting it can be of use."""

    exit_code = os.EX_SOFTWARE


class DataFolderUnusable(StartError):
    """Data in the var folder that this user or this version cannot work with."""

    exit_code = os.EX_CANTCREAT


class Busy(StartError):
    """The folder or the port is in use."""

    exit_code = os.EX_TEMPFAIL


class ConfigError(StartError):
    """The environment is wrong."""

    exit_code = os.EX_CONFIG

#!/usr/bin/env python3
"""Django's command line, with servers to work on: see shop/launch.py. Exit codes: shop/exits.py."""

import os
import sys


def main() -> int:
    """Run one command. A refusal to start is one line on stderr and an exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    from shop import launch
    from shop.exits import StartError

    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    try:
        with launch.environment(os.environ, command):
            from django.core.management import execute_from_command_line

            execute_from_command_line(sys.argv)
    except StartError as refusal:
        print(refusal, file=sys.stderr)
        return refusal.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

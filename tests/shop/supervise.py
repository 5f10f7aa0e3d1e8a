"""``python -m tests.shop.supervise FOLDER``: runs the children that FOLDER/children.py lists, for test_supervisor."""

import runpy
import sys
from pathlib import Path

from shop.exits import StartError
from shop.supervisor import Console, Interrupted, Supervisor


def main(folder: Path) -> int:
    """Start the waves that the file names, then watch them; exit as `manage.py serve` does."""
    spec = runpy.run_path(str(folder / "children.py"))
    try:
        with Supervisor(run=folder, console=Console(), control=folder / "control.sock") as supervisor:
            supervisor.run(*spec.get("COMMANDS", ()))
            for wave in spec["WAVES"]:
                supervisor.start(*wave)
            (folder / "up").touch()
            supervisor.watch()
    except Interrupted:
        return 0
    except StartError as refusal:
        sys.stderr.write(f"{refusal}\n")
        return refusal.exit_code
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

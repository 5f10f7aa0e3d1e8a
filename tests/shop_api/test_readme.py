"""The session of README.md works as written."""

import os
import re
import subprocess
from pathlib import Path

from tests.shop_api.client import Shop

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_session_buys_something(shop: Shop) -> None:
    """Pasted into a shell, it ends with a delivered order."""
    session = re.search(r"<!-- session.*?-->\n```sh\n(.*?)```", README.read_text(), re.DOTALL)
    assert session
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", session[1]],
        env={**os.environ, "SHOP": shop.anyone.base_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"status":"delivered"' in done.stdout.splitlines()[-1]

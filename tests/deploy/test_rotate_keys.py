"""What a rotation of keys remembers between its runs; the runs themselves are in tests/mesh/test_keys.py."""

import os
import subprocess
import sys
from pathlib import Path

from deploy.rotate_keys import Retired

LIFETIME_S = 960.0


def test_a_key_is_kept_until_its_last_token_has_expired(tmp_path: Path) -> None:
    """Counted from when the last pod stopped signing with it; while that is not known, it is kept."""
    Retired(tmp_path / "retired.json").put("old", 1000.0)
    Retired(tmp_path / "retired.json").put("breaking off", None)
    retired = Retired(tmp_path / "retired.json")
    assert retired.expired(LIFETIME_S, 1000 + LIFETIME_S - 1) == []
    assert retired.expired(LIFETIME_S, 1000 + LIFETIME_S) == ["old"]
    retired.forget("old")
    assert Retired(tmp_path / "retired.json").since == {"breaking off": None}


def test_without_a_lab_it_says_so_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.rotate_keys"],
        env={**os.environ, "SHOP_LAB": str(tmp_path / "none"), "SHOP_VAR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert "No lab runs" in done.stderr
    assert not (tmp_path / "kubernetes").exists()

"""kubectl as the commands call it."""

from pathlib import Path

import pytest

from deploy.kubectl import Refused, kubectl


def test_one_that_does_not_end_is_refused_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an exec into a container that is just dying."""
    program = tmp_path / "kubectl"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(Refused, match=r"^kubectl --namespace shop exec took longer than 0\.2 s$"):
        kubectl("exec", "a-pod", within_s=0.2)

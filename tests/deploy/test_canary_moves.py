"""A canary whose v2 is bad, while the API server does not take the weight 0."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.canary import moves
from deploy.canary.__main__ import main
from deploy.canary.delegate import routes, weight_of

# The first write is the weight of the step, with which the pods become bad; those after it up to number {last} are
# refused. {lost}: the first one is made, and said to be refused all the same.
_KUBECTL = """#!/bin/sh
case " $* " in
*" replace "*)
  echo >> "$0.writes"
  number=$(wc -l < "$0.writes")
  if [ $number -gt 1 ] && [ $number -le {last} ]; then echo "etcdserver: request timed out" >&2; exit 1; fi
  sed "s/\\"resourceVersion\\": \\"[0-9]*\\"/\\"resourceVersion\\": \\"7$number\\"/" > "$0.virtualservice"
  if [ $number = 1 ] && {lost}; then echo "etcdserver: request timed out" >&2; exit 1; fi ;;
*" get virtualservice "*) cat "$0.virtualservice" ;;
*" get pods "*) if [ -e "$0.writes" ]; then cat "$0.bad"; else cat "$0.well"; fi ;;
*" get deployment "*) echo '{{"spec": {{"replicas": 1}}}}' ;;
esac
"""
_DELEGATE = {"metadata": {"name": "product-versions", "resourceVersion": "7"}, "spec": {"http": routes("product", 0)}}


def _pod(name: str, version: str, state: dict[str, Any], restarts: int = 0) -> dict[str, Any]:
    status = {
        "conditions": [{"type": "Ready", "status": str("running" in state)}],
        "containerStatuses": [{"name": "app", "restartCount": restarts, "state": state}],
    }
    return {"metadata": {"name": name, "labels": {"version": version}}, "status": status}


_WELL = [_pod("a", "v1", {"running": {}}), _pod("b", "v2", {"running": {}})]
_HOPELESS = [*_WELL, _pod("c", "v2", {"waiting": {"reason": "CrashLoopBackOff"}})]
_RESTARTED = [_WELL[0], _pod("b", "v2", {"running": {}}, restarts=1)]  # and ready again before anybody has looked


def _shifted(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    refused: int = 0,
    lost: bool = False,
    bad: list[dict[str, Any]] = _HOPELESS,
) -> tuple[int, int]:
    """Exit status and weight of a shift in a cluster that refuses so many writes in a row, once v2 has turned bad."""
    program = folder / "kubectl"
    program.write_text(_KUBECTL.format(last=1 + refused, lost=str(lost).lower()))
    program.chmod(0o755)
    (folder / "kubectl.well").write_text(json.dumps({"items": _WELL}))
    (folder / "kubectl.bad").write_text(json.dumps({"items": bad}))
    (folder / "kubectl.virtualservice").write_text(json.dumps(_DELEGATE))
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(moves, "_POLL_S", 0.05)
    status = main(["shift", "product", "10", "--step-s", "1"])
    return status, weight_of("product", json.loads((folder / "kubectl.virtualservice").read_text()))


def test_a_refused_stop_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _shifted(tmp_path, monkeypatch, refused=2) == (1, 0)
    assert capsys.readouterr().err.startswith("product stopped, v2 is back at 0 %: pod c is not ready")


def test_a_stop_that_stays_refused_is_told_with_its_reason_and_the_weight_that_remains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(moves, "_TAKEN_BACK_WITHIN_S", 0.2)
    assert _shifted(tmp_path, monkeypatch, refused=1000) == (1, 10)
    said = capsys.readouterr().err
    assert said.startswith("product v2 stays at 10 % and is bad: pod c is not ready")
    assert said.endswith("not stopped: etcdserver: request timed out\n")


def test_a_restart_under_the_first_customers_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _shifted(tmp_path, monkeypatch, bad=_RESTARTED) == (1, 0)
    assert capsys.readouterr().err == "product stopped, v2 is back at 0 %: pod b was restarted\n"


def test_a_write_that_was_made_and_said_to_be_refused_is_nobody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So the walk goes on, and what it finds is acted upon."""
    assert _shifted(tmp_path, monkeypatch, lost=True) == (1, 0)
    assert "somebody" not in capsys.readouterr().err

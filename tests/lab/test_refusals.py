"""A machine that cannot have a lab, or has none, is told so in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.lab import preflight
from deploy.lab.cluster import full_name
from deploy.lab.lab import ROOT, Lab, LabError

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="the refusals for root")


def _lab(folder: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "SHOP_LAB": str(folder), **settings}
    command = [sys.executable, "-m", "deploy.lab", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


@root_only
@pytest.mark.parametrize("command", [["status"], ["see"], ["sh", "--", "true"]], ids=lambda command: command[0])
def test_without_a_lab_the_line_says_how_to_start_one(tmp_path: Path, command: list[str]) -> None:
    refused = _lab(tmp_path / "none", *command)
    assert refused.returncode == 1
    assert refused.stderr == f"No lab runs in {tmp_path}/none: start it with make cluster\n"


@root_only
def test_ending_what_does_not_run_is_no_error_and_removes_what_is_left(tmp_path: Path) -> None:
    (tmp_path / "stale/pki").mkdir(parents=True)
    Lab(tmp_path / "stale").marker.touch()
    done = _lab(tmp_path / "stale", "down")
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "stale").exists()


@root_only
def test_a_folder_that_is_not_a_labs_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/letter").write_text("dear")
    refused = _lab(tmp_path / "letters", "down")
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert (tmp_path / "letters/letter").exists()


@root_only
def test_missing_packages_are_named_with_the_command_that_installs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(preflight.PACKAGES, "no-such-program", "its-package")
    with pytest.raises(LabError, match=r"^Missing for the lab: apt-get install -y .*its-package"):
        preflight.require(Lab(tmp_path))


@root_only
def test_a_folder_that_the_node_hides_from_itself_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "PACKAGES", {})
    with pytest.raises(LabError, match="cannot live below /var/lib"):
        preflight.require(Lab(Path("/var/lib/shop-lab")))


@root_only
@pytest.mark.parametrize("folder", ["/srv/a lab", "/srv/a,lab", "/srv/a:lab"])
def test_a_folder_that_mount_would_misread_is_refused(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setattr(preflight, "PACKAGES", {})
    with pytest.raises(LabError, match="would misread"):
        preflight.require(Lab(Path(folder)))


def test_others_than_root_are_told_to_be_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="needs root"):
        preflight.require_root()


def test_other_systems_than_linux_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(LabError, match="needs Linux"):
        preflight.require_root()


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ("shop", "docker.io/library/shop:latest"),
        ("shop:1.2", "docker.io/library/shop:1.2"),
        ("team/shop:1.2", "docker.io/team/shop:1.2"),
        ("shop.azurecr.io/shop:1.2", "shop.azurecr.io/shop:1.2"),
        ("localhost/shop", "localhost/shop:latest"),
        ("localhost:5000/shop", "localhost:5000/shop:latest"),
    ],
)
def test_image_names_are_written_in_full(given: str, full: str) -> None:
    assert full_name(given) == full

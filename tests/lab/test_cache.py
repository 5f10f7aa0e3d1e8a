"""The cache: made once, whole or not at all, bounded."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.lab import cache
from deploy.lab.progress import Progress

KEYS = [character * 16 for character in "abcdef"]


def _fill(folder: Path) -> None:
    (folder / "file").write_text("made")


def test_a_key_is_that_of_contents_in_their_order(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("one")
    first = cache.key(file, "two")
    assert cache.key("one", "two") == first
    assert cache.key("two", "one") != first
    assert cache.key("onetwo") != cache.key("one", "two")
    file.write_text("another")
    assert cache.key(file, "two") != first


def test_what_is_kept_is_made_once_also_when_several_ask() -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        _fill(folder)

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: cache.kept("thing", KEYS[0], make), range(8)))
    assert len(made) == 1
    (folder,) = found
    assert (folder / "file").read_text() == "made"


def test_what_fails_leaves_nothing(own_cache: Path) -> None:
    def make(folder: Path) -> None:
        _fill(folder)
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError):
        cache.kept("thing", KEYS[0], make)
    assert not cache.is_kept("thing", KEYS[0])
    assert [path.name for path in own_cache.iterdir()] == ["thing.lock"]


def test_only_the_last_versions_stay_and_those_of_others_are_left_alone() -> None:
    cache.kept("thing-else", KEYS[0], _fill)
    for key in KEYS:
        cache.kept("thing", key, _fill)
    assert [key for key in KEYS if cache.is_kept("thing", key)] == KEYS[-3:]
    assert cache.is_kept("thing-else", KEYS[0])


def test_a_step_says_how_long_it_took_last_time(own_cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own_cache.mkdir()
    (own_cache / "durations.json").write_text('{"building kubernetes": 350.2}')
    with Progress().step("building kubernetes"):
        pass
    assert "building kubernetes (last time 350 s)" in capsys.readouterr().out


def test_a_step_that_fails_is_no_measure(own_cache: Path) -> None:
    own_cache.mkdir()
    (own_cache / "durations.json").write_text('{"building kubernetes": 350.2}')
    with pytest.raises(RuntimeError), Progress().step("building kubernetes"):
        raise RuntimeError
    assert "350.2" in (own_cache / "durations.json").read_text()

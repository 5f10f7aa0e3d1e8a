"""The supervisor, with real processes: what it must keep running, and what it must leave behind (nothing)."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from shop import children
from shop.children import Child, Records
from shop.supervisor import Control

IDLE = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {STUBBORN!r}])"  # and a stubborn grandchild
HEADER = f"""
import sys
from pathlib import Path
from shop.children import Child
here = Path(__file__).parent

def child(name, code, **more):
    return Child(name=name, argv=[sys.executable, "-c", code], env={{"PATH": "/usr/bin:/bin"}}, **more)

IDLE, STUBBORN, PARENT = {IDLE!r}, {STUBBORN!r}, {PARENT!r}
"""


class Supervised:
    """A supervisor in a process of its own, on children that the test writes down as Python."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.control = Control(folder / "control.sock")
        self.process: subprocess.Popen[str] | None = None
        self.seen: set[int] = set()

    def write(self, spec: str) -> None:
        (self.folder / "children.py").write_text(HEADER + dedent(spec))

    def start(self, spec: str) -> None:
        """Start it and wait until all children are ready."""
        self.launch(spec)
        until((self.folder / "up").exists)
        self.seen |= {state.pid for state in self.control.list().values() if state.pid}

    def launch(self, spec: str) -> None:
        self.write(spec)
        (self.folder / "up").unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.shop.supervise", str(self.folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Signal the supervisor; its exit code and all its output."""
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=30)
        return self.process.returncode, output

    def left(self) -> list[int]:
        """Live processes of any session a child ever led."""
        return [member.pid for session in self.seen for member in children.session_members(session)]

    def clean(self) -> None:
        if self.process and self.process.poll() is None:
            self.end(signal.SIGKILL)
        if self.process and self.process.stdout:
            self.process.stdout.close()
        for session in self.seen:
            children.end_session(session)


def until(true: Callable[[], object], within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    made = Supervised(tmp_path)
    yield made
    made.clean()


def test_restarts_what_dies(supervised: Supervised) -> None:
    """A killed child is running again, as another process; the others are untouched."""
    supervised.start("WAVES = [[child('web', IDLE), child('worker', IDLE)]]")
    before = supervised.control.list()
    supervised.control.kill("web")
    until(lambda: supervised.control.list()["web"].restarts == 1)
    after = supervised.control.wait("web", "ready")
    assert after.pid != before["web"].pid
    assert supervised.control.list()["worker"].pid == before["worker"].pid


def test_kill_takes_the_whole_session(supervised: Supervised) -> None:
    """What a killed child had started does not outlive it: it might hold the port of the next."""
    supervised.start("WAVES = [[child('web', PARENT)]]")
    first = supervised.control.list()["web"].pid
    assert first
    until(lambda: len(list(children.session_members(first))) == 2)
    supervised.control.kill("web", "TERM")  # reaches the leader alone
    until(lambda: supervised.control.list()["web"].restarts == 1)
    assert list(children.session_members(first)) == []


def test_stops_and_starts_one_child(supervised: Supervised) -> None:
    """A stopped child stays stopped; it starts again with another environment, for that one life."""
    code = "import os, time; open('{}', 'a').write(os.environ.get('LIFE', 'plain') + ' '); time.sleep(600)"
    lives = supervised.folder / "lives"
    supervised.start(f"WAVES = [[child('web', {code.format(lives)!r})]]")
    until(lambda: lives.exists() and lives.read_text() == "plain ")
    supervised.control.stop("web")
    assert supervised.control.list()["web"].pid is None
    supervised.control.start("web", env={"LIFE": "special"})
    until(lambda: lives.read_text() == "plain special ")
    supervised.control.kill("web")
    until(lambda: lives.read_text() == "plain special plain ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stops_all_in_reverse_order(supervised: Supervised, number: signal.Signals) -> None:
    """The last wave is gone before the first is asked to go; exit code 0; no process remains."""
    noted = supervised.folder / "order"
    code = dedent(f"""
        import signal, sys, time
        def bye(*_):
            open({str(noted)!r}, "a").write(sys.argv[1] + " ")
            sys.exit()
        signal.signal(signal.SIGTERM, bye)
        open({str(supervised.folder)!r} + "/set-" + sys.argv[1], "w").close()
        time.sleep(600)
    """)
    supervised.start(
        f"""
        def noting(name):
            made = child(name, {code!r}, ready=(here / f"set-{{name}}").exists)
            made.argv.append(name)
            return made
        WAVES = [[noting("database")], [noting("web")], [noting("proxy")], [child("parent", PARENT)]]
        """
    )
    code_, _ = supervised.end(number)
    assert code_ == 0
    assert noted.read_text().split() == ["proxy", "web", "database"]
    assert supervised.left() == []


def test_ends_grace_with_sigkill(supervised: Supervised) -> None:
    """A child that ignores SIGTERM is killed when its time is up."""
    supervised.start("WAVES = [[child('stubborn', STUBBORN, stop_within_s=0.3)]]")
    code, _ = supervised.end()
    assert code == 0
    assert supervised.left() == []


def test_gives_up_on_a_child_that_keeps_dying(supervised: Supervised) -> None:
    """After six deaths within the window all is stopped, with one line and exit code 70."""
    up = str(supervised.folder / "up")  # dies only after the start, where one death would be enough
    mortal = f"import os, time\nwhile not os.path.exists({up!r}): time.sleep(0.01)\nraise SystemExit(3)"
    supervised.launch(f"WAVES = [[child('web', IDLE)], [child('worker', {mortal!r})]]")
    assert supervised.process
    code = supervised.process.wait(timeout=30)
    _, output = supervised.end()
    assert code == os.EX_SOFTWARE
    assert output.splitlines()[-1] == "worker died 6 times within 30 s, at last: exit code 3"


def test_says_which_child_does_not_start(supervised: Supervised) -> None:
    """A child that dies before it is ready ends the start: another try would not help."""
    supervised.launch("WAVES = [[child('web', 'raise SystemExit(7)', ready=bool)]]")
    assert supervised.process
    assert supervised.process.wait(timeout=30) == os.EX_SOFTWARE
    assert supervised.end()[1].splitlines()[-1] == "web ended while starting (exit code 7)"


def test_says_which_command_failed(supervised: Supervised) -> None:
    """A failed command (a migration, say) ends the start; children come after it and never run."""
    supervised.launch("COMMANDS = [child('migrate', 'raise SystemExit(2)')]; WAVES = [[child('web', IDLE)]]")
    assert supervised.process
    assert supervised.process.wait(timeout=30) == os.EX_SOFTWARE
    assert supervised.end()[1].splitlines()[-1] == "migrate failed (exit code 2)"


def test_names_each_line(supervised: Supervised) -> None:
    """Each line of output carries its child's name, also one without an end, and one of no known encoding."""
    talk = r"import sys; sys.stdout.buffer.write(b'one\ntwo\xff\nlast'); sys.stdout.flush(); " + IDLE
    supervised.start(f"WAVES = [[child('web', {talk!r})]]")
    _, output = supervised.end()
    lines = [line for line in output.splitlines() if line.startswith("web")]
    assert lines == ["web      | one", "web      | two\N{REPLACEMENT CHARACTER}", "web      | last"]


def test_leaves_nothing_when_killed(supervised: Supervised) -> None:
    """The kernel ends the children of a killed supervisor; the next start ends what they had started."""
    supervised.start("WAVES = [[child('web', IDLE), child('parent', PARENT)]]")
    pids = {name: state.pid for name, state in supervised.control.list().items()}
    parent = pids["parent"]
    assert parent
    until(lambda: len(list(children.session_members(parent))) == 2)
    supervised.end(signal.SIGKILL)
    until(lambda: len(supervised.left()) == 1)  # the stubborn grandchild
    supervised.start("WAVES = [[child('web', IDLE)]]")
    assert list(children.session_members(parent)) == []
    assert "Ended 1 processes that an earlier run had left behind." in supervised.end()[1]


def test_sweep_spares_strangers(tmp_path: Path) -> None:
    """A process that merely got a recorded pid is not touched."""
    with subprocess.Popen([sys.executable, "-c", IDLE], start_new_session=True) as stranger:
        try:
            records = Records(tmp_path / "children.json")
            records.add(stranger.pid)
            saved = json.loads(records.path.read_text())
            saved["children"][str(stranger.pid)] -= 1  # another process, started earlier
            records.path.write_text(json.dumps(saved))
            assert Records(records.path).sweep(grace_s=1) == 0
            assert stranger.poll() is None
            records.add(stranger.pid)
            assert Records(records.path).sweep(grace_s=1) == 1
        finally:
            stranger.kill()


def test_control_answers_bad_requests(supervised: Supervised) -> None:
    """A request nobody understands is answered, and the supervisor goes on."""
    supervised.start("WAVES = [[child('web', IDLE)]]")
    with pytest.raises(RuntimeError, match="no child named nobody"):
        supervised.control.kill("nobody")
    with pytest.raises(RuntimeError, match="not understood"):
        supervised.control.kill("web", "NONSENSE")
    assert supervised.control.list()["web"].state == "ready"


def test_child_dies_with_its_parent_only_after_the_switch_of_user() -> None:
    """``spawn`` binds the child to its parent although it runs as another user."""
    if os.geteuid() != 0:
        pytest.skip("only root can switch users")
    nobody = 65534
    code = "import ctypes; n = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(n)); print(n.value)"
    child = Child(name="other", argv=["/usr/bin/python3", "-c", code], env={}, uid=nobody, gid=nobody, cwd=Path("/"))
    with children.spawn(child) as process:
        assert process.communicate()[0].strip() == str(int(signal.SIGTERM)).encode()

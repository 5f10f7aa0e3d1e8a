"""``python -m tools.leaks``: no key, token or card number in any file that git tracks."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_PATTERNS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a signed token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    "a cloud key": re.compile(r"\b(AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|sk_live_[A-Za-z0-9]{16,})\b"),
}
_DIGITS = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w.-])")
_BINARY = {".png", ".webp", ".ico", ".woff2"}


def findings(text: str) -> list[str]:
    """What in ``text`` looks like a secret."""
    found = [name for name, pattern in _PATTERNS.items() if pattern.search(text)]
    numbers = (re.sub(r"\D", "", match[0]) for match in _DIGITS.finditer(text))
    return found + ["a card number" for number in numbers if number[0] in "3456" and _luhn(number)]


def _luhn(number: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    doubled = [int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(number))]
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def main() -> int:
    """Exit status 1 and a line per finding."""
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    bad = 0
    for name in tracked.stdout.splitlines():
        path = ROOT / name
        if path.suffix in _BINARY or path.name == "uv.lock" or not path.is_file():
            continue
        for found in findings(path.read_text(errors="replace")):
            print(f"{name}: {found}")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

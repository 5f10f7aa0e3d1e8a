"""``python -m tools.import_contracts``: import-linter with contracts derived from ``shop/roles.py``.

``shop`` imports no app; an app imports the ``client`` of the roles it calls and nothing else of any
other app; the simulators and the project do not know each other. There is no exemption list.
"""

import sys
import tempfile
from pathlib import Path

from importlinter import cli

from shop.roles import ROLES, callers_of

ROOT = Path(__file__).resolve().parent.parent


def contracts() -> str:
    """The configuration, in import-linter's own format."""
    parts = ["[importlinter]\nroot_packages =\n    shop\n    apps\n    simulators\n"]
    apps = [role.app for role in ROLES.values()]
    parts.append(_contract("shop-below", "shop imports no app", "forbidden", ["shop"], apps))
    parts.append(
        _contract("outside-a", "the project knows no simulator", "forbidden", ["shop", "apps"], ["simulators"])
    )
    parts.append(_contract("outside-b", "simulators know no project", "forbidden", ["simulators"], ["shop", "apps"]))
    for role in ROLES.values():
        parts.append(_app(role.name))
        parts.append(_client(role.name))
    return "\n".join(parts)


def _contract(name: str, title: str, kind: str, source: list[str], forbidden: list[str]) -> str:
    return (
        f"[importlinter:contract:{name}]\nname = {title}\ntype = {kind}\nsource_modules =\n{_lines(source)}"
        f"forbidden_modules =\n{_lines(forbidden)}"
    )


def _app(role: str) -> str:
    """Nobody imports an app's inside."""
    inside = [f"apps.{role}.{path.stem}" for path in sorted((ROOT / "apps" / role).glob("*.py"))]
    protected = [name for name in inside if not name.endswith((".client", ".__init__"))]
    return (
        f"[importlinter:contract:inside-{role}]\nname = only {role} imports the inside of {role}\ntype = protected\n"
        f"protected_modules =\n{_lines(protected)}allowed_importers =\n{_lines([f'apps.{role}'])}"
    )


def _client(role: str) -> str:
    """The importers of a client are its callers."""
    if not (ROOT / "apps" / role / "client.py").exists():
        return ""
    allowed = [f"apps.{name}" for name in sorted({*callers_of(role), role})]
    return (
        f"[importlinter:contract:client-{role}]\nname = the client of {role} is imported by its callers\n"
        f"type = protected\nprotected_modules =\n{_lines([f'apps.{role}.client'])}"
        f"allowed_importers =\n{_lines(allowed)}"
    )


def _lines(names: list[str]) -> str:
    return "".join(f"    {name}\n" for name in names)


def main() -> int:
    """Exit status 0 when every contract is kept."""
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as config:
        config.write(contracts())
        config.flush()
        return cli.lint_imports(config_filename=config.name, cache_dir=str(ROOT / ".import_linter_cache"))


if __name__ == "__main__":
    sys.exit(main())

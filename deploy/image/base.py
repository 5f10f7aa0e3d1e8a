"""What the images are made on where no registry of images can be reached: a root file system of Debian's packages."""

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.image.cache import CACHE
from deploy.image.engines import Engine, Failed
from deploy.uv import uv

_SUITE = "bookworm"  # its Python is 3.11
_PACKAGES = ("python3.11", "ca-certificates", "libstdc++6")  # the last for codecs and servers in wheels
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/lintian/*")
_KEPT = ("/usr/share/doc/*/copyright",)
_COMMAND = [
    *("mmdebstrap", "--quiet", "--mode=root", "--variant=essential", f"--include={','.join(_PACKAGES)}"),
    *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
    *(f"--dpkgopt=path-include={pattern}" for pattern in _KEPT),
    "--customize-hook=rm -rf $1/var/cache/* $1/var/log/* $1/tmp/*",
    _SUITE,
]
_KEY = hashlib.sha256(" ".join(_COMMAND).encode()).hexdigest()[:12]
ROOT_FILES = CACHE / f"base-{_KEY}.tar"


def given(environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's own base images; empty without."""
    return {name: environ[name] for name in ("BASE", "BUILD") if environ.get(name)}


def made(engine: Engine) -> dict[str, str]:
    """Make the base images, unless they are here already; the Dockerfile's arguments that name them.

    Raises Failed.
    """
    names = {"BASE": f"localhost/shop-base:{_KEY}", "BUILD": f"localhost/shop-build:{_KEY}"}
    if not engine.has(names["BASE"]):
        engine.make(names["BASE"], _root_files(), extra={})
    if not engine.has(names["BUILD"]):
        engine.make(names["BUILD"], _root_files(), extra={Path(uv()): "/usr/local/bin/uv"})
    return names


def _root_files() -> Path:
    if ROOT_FILES.exists():
        return ROOT_FILES
    if not shutil.which("mmdebstrap") or os.geteuid() != 0:
        raise Failed("a base image of Debian's packages needs root, and mmdebstrap: apt-get install mmdebstrap")
    print(f"making a root file system of {_SUITE}'s packages (about two minutes, once)", flush=True)
    began, fresh = time.monotonic(), ROOT_FILES.with_suffix(".new.tar")
    CACHE.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([*_COMMAND, str(fresh)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed("mmdebstrap failed: " + "\n".join(done.stderr.strip().splitlines()[-5:]))
    fresh.rename(ROOT_FILES)
    print(f"  {time.monotonic() - began:.0f} s", flush=True)
    return ROOT_FILES

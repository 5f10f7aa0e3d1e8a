"""``python -m deploy.image build|push REGISTRY``: the images `shop` and `servers`, from the Dockerfile.

``build`` leaves beside each other, in var/image: shop.tar and servers.tar (OCI archives) and
shop.cdx.json, what is in the image (CycloneDX). ENGINE=docker|podman|buildah chooses; BASE=… is another image
to run on, with BUILD=… to build on.
"""

import os
import sys
import time

from deploy.image import base, engines, sbom
from deploy.image.cache import OUT, alone
from deploy.image.engines import TARGETS, Engine
from deploy.release import version

_LIMIT_MB = 250  # compressed; what a node pulls before its first pod starts


def build() -> None:
    """Build both targets, write them, and say how large they are."""
    engine = engines.choose(os.environ)
    with alone():
        bases = base.given(os.environ) or (base.made(engine) if engine.needs_base else {})
        for target in TARGETS:
            began = time.monotonic()
            engine.build(target, build_args={**bases, "VERSION": version()})
            print(f"{target}:{version()} by {engine.name} in {time.monotonic() - began:.0f} s", flush=True)
            _show(engine, target)


def describe() -> None:
    """Write the list of what is in the image beside it."""
    print(f"{sbom.write(OUT / 'shop.cdx.json')} components listed in {OUT / 'shop.cdx.json'}")


def _show(engine: Engine, target: str) -> None:
    archive = engine.export(target, OUT / f"{target}.tar")
    layers = engines.layers(archive)
    for layer in layers:
        print(f"  {layer.bytes / 1e6:7.1f} MB  {layer.made_by}")
    total = sum(layer.bytes for layer in layers) / 1e6
    print(f"  {total:7.1f} MB compressed, in {archive}")
    if target == "shop" and total > _LIMIT_MB:
        raise engines.Failed(f"the image is larger than {_LIMIT_MB} MB")


def push(registry: str) -> None:
    """Tag and push what ``build`` left: the registry's own sign-in is used (`az acr login`)."""
    engine = engines.choose(os.environ)
    for target in TARGETS:
        print(f"pushed {engine.push(target, f'{registry}/{target}:{version()}')}")


def main() -> int:
    """Exit status 0, or 1 with one line."""
    try:
        match sys.argv[1:]:
            case ["build"]:
                build()
                describe()
            case ["push", registry] if registry:
                push(registry)
            case _:
                print(__doc__, file=sys.stderr)
                return 64
    except engines.Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

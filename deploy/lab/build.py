"""Everything that a lab is started from, built once per version."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from deploy.lab import cache, golang, images, rootfs
from deploy.lab.golang import PRODUCTS, Product
from deploy.lab.progress import Progress

_AT_ONCE = 2  # one compiles while the other waits for a large package, or links


def _binaries(progress: Progress) -> dict[str, Path]:
    """Name -> path of every Go program; sources come in while what came before is built. Raises LabError."""
    wanted = [product for product in PRODUCTS if not cache.is_kept(product.name, product.key)]
    with _threads(1) as downloads, _threads(_AT_ONCE) as builds:
        modules = dict.fromkeys(product.module for product in wanted)
        sources = {module: downloads.submit(golang.download, module) for module in modules}
        building = [builds.submit(_build, progress, product, sources[product.module]) for product in wanted]
        _base_file_system(progress)
        for each in building:
            each.result()
    found: dict[str, Path] = {}
    for product in PRODUCTS:
        folder = cache.kept(product.name, product.key, product.build)
        found |= {name: folder / name for name in product.binaries}
    return found


def _build(progress: Progress, product: Product, sources: Future[None]) -> None:
    sources.result()
    with progress.step(f"building {product.name}"):
        cache.kept(product.name, product.key, product.build)


@contextmanager
def _threads(at_once: int) -> Iterator[ThreadPoolExecutor]:
    """What has not begun when something fails never does."""
    with ThreadPoolExecutor(at_once) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


def _base_file_system(progress: Progress) -> None:
    if not cache.is_kept("rootfs", rootfs.key()):
        with progress.step("making a base file system from Debian's packages"):
            rootfs.tar()


def everything(progress: Progress) -> tuple[dict[str, Path], Path]:
    """The programs, and a tar with the cluster's images. Raises LabError."""
    programs = _binaries(progress)
    with progress.step("packing images"):
        return programs, images.tar(programs)

"""Everything that a lab is started from, built once per version."""

from pathlib import Path

from deploy.lab import cache, golang, images, rootfs
from deploy.lab.golang import PRODUCTS
from deploy.lab.progress import Progress


def binaries(progress: Progress) -> dict[str, Path]:
    """Name -> path of every Go program. Raises LabError."""
    wanted = [product for product in PRODUCTS if not cache.is_kept(product.name, product.key)]
    if wanted:
        with progress.step("downloading Go modules"):
            for module in dict.fromkeys(product.module for product in wanted):
                golang.download(module)
    for product in wanted:
        with progress.step(f"building {product.name}"):
            cache.kept(product.name, product.key, product.build)
    found: dict[str, Path] = {}
    for product in PRODUCTS:
        folder = cache.kept(product.name, product.key, product.build)
        found |= {name: folder / name for name in product.binaries}
    return found


def base_file_system(progress: Progress) -> None:
    """Raises LabError."""
    if not cache.is_kept("rootfs", rootfs.key()):
        with progress.step("making a base file system from Debian's packages"):
            rootfs.tar()


def everything(progress: Progress) -> tuple[dict[str, Path], Path]:
    """The programs, and a tar with the cluster's images. Raises LabError."""
    base_file_system(progress)
    programs = binaries(progress)
    with progress.step("packing images"):
        return programs, images.tar(programs)

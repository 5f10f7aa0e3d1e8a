"""Container images without a container engine: layers from files, one OCI layout as a tar."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_PLATFORM = {"architecture": "amd64", "os": "linux"}


@dataclass(frozen=True)
class Blob:
    """Something that an image refers to by its digest."""

    digest: str
    size: int

    def descriptor(self, media_type: str) -> dict[str, Any]:
        return {"mediaType": media_type, "digest": self.digest, "size": self.size}


class Layout:
    """An OCI image layout that is being written; complete when the ``with`` block ends."""

    def __init__(self, path: Path) -> None:
        self._tar = tarfile.open(path, "w")  # noqa: SIM115  # closed by __exit__
        self._written: set[str] = set()
        self._manifests: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            _add(self._tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
            _add(self._tar, "index.json", _json({"schemaVersion": 2, "manifests": self._manifests}))
        self._tar.close()

    def archive(self, path: Path) -> Blob:
        """A layer from a tar that exists."""
        return self._blob(path.read_bytes())

    def layer(self, files: Mapping[str, Path]) -> Blob:
        """A layer with ``files``: where they go, without a leading slash, and where they are. All executable."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for folder in _folders(files):
                info = tarfile.TarInfo(folder)
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(info)
            for target, source in files.items():
                _add(tar, target, source.read_bytes(), mode=0o755)
        return self._blob(buffer.getvalue())

    def image(self, name: str, layers: Sequence[Blob], config: Mapping[str, Any]) -> None:
        """An image under its full name, as in ``lab.local/pause:1``."""
        digests = [layer.digest for layer in layers]
        described = {**_PLATFORM, "config": config, "rootfs": {"type": "layers", "diff_ids": digests}}
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._blob(_json(described)).descriptor(_CONFIG),
            "layers": [layer.descriptor(_LAYER) for layer in layers],
        }
        named = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
        entry = self._blob(_json(manifest)).descriptor(_MANIFEST)
        self._manifests.append({**entry, "platform": _PLATFORM, "annotations": named})

    def _blob(self, content: bytes) -> Blob:
        digest = hashlib.sha256(content).hexdigest()
        if digest not in self._written:
            self._written.add(digest)
            _add(self._tar, f"blobs/sha256/{digest}", content)
        return Blob(f"sha256:{digest}", len(content))


def _folders(files: Mapping[str, Path]) -> list[str]:
    """Every folder that the files are in, outer ones first."""
    return sorted({str(folder) for name in files for folder in PurePosixPath(name).parents} - {"."})


def _add(tar: tarfile.TarFile, name: str, content: bytes, *, mode: int = 0o644) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    tar.addfile(info, io.BytesIO(content))


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()

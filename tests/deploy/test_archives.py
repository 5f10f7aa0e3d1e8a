"""An image's digest tells whether the cluster has it already: archives differ when images do not."""

import io
import json
import tarfile
from pathlib import Path

from deploy.image.engines import digest
from deploy.lab.oci import Layout


def _oci(archive: Path, program: str) -> Path:
    file = archive.with_suffix(".sh")
    file.write_text(program)
    with Layout(archive) as layout:
        layout.image("lab.local/one:1", [layout.layer({"usr/local/bin/program": file})], {})
    return archive


def _docker(archive: Path, config: str) -> Path:
    with tarfile.open(archive, "w") as tar:
        content = json.dumps([{"Config": config, "RepoTags": [], "Layers": []}]).encode()
        member = tarfile.TarInfo("manifest.json")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return archive


def _packed_again(archive: Path) -> Path:
    """The same members in another order, of another time."""
    again = archive.with_suffix(".again.tar")
    with tarfile.open(archive) as old, tarfile.open(again, "w") as new:
        for member in reversed(old.getmembers()):
            content = old.extractfile(member)
            member.mtime = 1
            new.addfile(member, content)
    assert again.read_bytes() != archive.read_bytes()
    return again


def test_the_same_image_has_the_same_digest_in_any_archive(tmp_path: Path) -> None:
    for archive in (_oci(tmp_path / "oci.tar", "#!/bin/sh\n"), _docker(tmp_path / "docker.tar", "sha256:1")):
        assert digest(_packed_again(archive)) == digest(archive)


def test_another_image_has_another_digest(tmp_path: Path) -> None:
    one, two = _oci(tmp_path / "1.tar", "#!/bin/sh\n"), _oci(tmp_path / "2.tar", "#!/bin/sh\nexit 1\n")
    assert digest(one) != digest(two)
    assert digest(_docker(tmp_path / "3.tar", "sha256:1")) != digest(_docker(tmp_path / "4.tar", "sha256:2"))

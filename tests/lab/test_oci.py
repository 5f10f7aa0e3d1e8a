"""Images made without an engine: every reference leads to its bytes."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from deploy.lab.oci import Layout


def _layout(folder: Path) -> dict[str, bytes]:
    """The members of a layout with two images that share a layer."""
    program, base = folder / "program", folder / "base.tar"
    program.write_text("#!/bin/sh\n")
    with tarfile.open(base, "w") as tar:
        tar.addfile(tarfile.TarInfo("etc"))
    with Layout(folder / "images.tar") as layout:
        layers = [layout.archive(base), layout.layer({"usr/local/bin/program": program})]
        layout.image("lab.local/one:1", layers, {"User": "1:1"})
        layout.image("lab.local/two:1", layers[:1], {})
    with tarfile.open(folder / "images.tar") as tar:
        names = tar.getnames()
        assert len(names) == len(set(names))
        return {name: _content(tar, name) for name in names}


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file
    return file.read()


def _blob(members: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    algorithm, _, digest = descriptor["digest"].partition(":")
    content = members[f"blobs/{algorithm}/{digest}"]
    assert hashlib.sha256(content).hexdigest() == digest
    assert len(content) == descriptor["size"]
    return content


def test_every_reference_leads_to_its_bytes(tmp_path: Path) -> None:
    members = _layout(tmp_path)
    assert json.loads(members["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    manifests = json.loads(members["index.json"])["manifests"]
    assert [entry["annotations"]["io.containerd.image.name"] for entry in manifests] == [
        "lab.local/one:1",
        "lab.local/two:1",
    ]
    for entry in manifests:
        manifest = json.loads(_blob(members, entry))
        config = json.loads(_blob(members, manifest["config"]))
        layers = [_blob(members, layer) for layer in manifest["layers"]]
        assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]


def test_a_layer_has_its_folders_first_and_its_files_executable(tmp_path: Path) -> None:
    members = _layout(tmp_path)
    one = json.loads(_blob(members, json.loads(members["index.json"])["manifests"][0]))
    with tarfile.open(fileobj=io.BytesIO(_blob(members, one["layers"][1]))) as tar:
        assert tar.getnames() == ["usr", "usr/local", "usr/local/bin", "usr/local/bin/program"]
        assert tar.getmember("usr/local/bin/program").mode == 0o755

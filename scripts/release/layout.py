#!/usr/bin/env python3
"""Joins OCI archives of one image, one for each architecture, into one OCI layout: a folder whose index.json lists an image per platform, so that a
node pulls the image of its own architecture. `crane push --index` and `skopeo copy oci:` push such a folder.

    layout.py --output release/images/backend amd64/backend.tar arm64/backend.tar

Prints the digest of the index.
"""

import argparse
import hashlib
import json
import shutil
import tarfile
from pathlib import Path

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


def members(archive: Path) -> dict[str, bytes]:
    """The files of an OCI archive, each blob checked against its digest."""
    found = {}
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            file = tar.extractfile(member)
            if file is not None:
                found[member.name] = file.read()
    for name, data in found.items():
        if name.startswith("blobs/sha256/") and hashlib.sha256(data).hexdigest() != name.removeprefix("blobs/sha256/"):
            raise SystemExit(f"{archive} is damaged: {name} does not have its digest; build the archive again")
    if "index.json" not in found:
        raise SystemExit(f"{archive} is not an OCI archive: it has no index.json")
    return found


def platform(described: dict) -> tuple[str, str]:
    """Operating system and architecture of an image in an index."""
    return described["platform"]["os"], described["platform"]["architecture"]


def join(archives: list[Path], output: Path) -> str:
    """Writes the layout whole or not at all, and returns the digest of its index."""
    images: dict[tuple[str, str], dict] = {}
    blobs: dict[str, bytes] = {}
    for archive in archives:
        files = members(archive)
        for described in json.loads(files["index.json"])["manifests"]:
            if platform(described) in images:
                raise SystemExit(f"{archive} has a second image for {'/'.join(platform(described))}: give one archive per architecture")
            # The registry's tag names the image. The archive's own name is for `ctr images import`.
            images[platform(described)] = {key: value for key, value in described.items() if key != "annotations"}
        blobs.update({name: data for name, data in files.items() if name.startswith("blobs/")})
    manifests = [images[key] for key in sorted(images)]
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests}, sort_keys=True, separators=(",", ":")).encode()

    draft = output.with_name(f"{output.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    for name, data in {**blobs, "index.json": index, "oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}.items():
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        (draft / name).write_bytes(data)
    shutil.rmtree(output, ignore_errors=True)
    draft.rename(output)
    return "sha256:" + hashlib.sha256(index).hexdigest()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--output", type=Path, required=True, help="the folder to write; an older one is replaced")
    parser.add_argument("archives", type=Path, nargs="+", help="the image's OCI archives, one per architecture")
    options = parser.parse_args()
    print(join(options.archives, options.output))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes a container image as an OCI archive, without a Docker engine: one layer, one configuration and one manifest, in a tar file for
`ctr images import`, `skopeo copy oci-archive:` and `podman load`.

The same input gives the same digest: names are sorted, every time is SOURCE_DATE_EPOCH (by default 0), every owner is root, and modes are fixed. The
machine's umask, clock and folder order have no effect.

    oci.py --output backend.tar --name ghcr.io/pganalytics/pganalytics:0.1.0 --file target/…/pganalytics:/pganalytics \\
           --entrypoint /pganalytics --user 65532:65532 --label org.opencontainers.image.licenses=Apache-2.0

Prints one JSON object: the manifest's digest, the compressed size of the layer and the size of its files.
"""

import argparse
import datetime
import gzip
import hashlib
import io
import json
import os
import stat
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

PROGRAM_MODE, DATA_MODE, FOLDER_MODE, SHARED_FOLDER_MODE = 0o755, 0o644, 0o755, 0o1777
# Level 9 costs seconds once, and every pull is smaller.
COMPRESSION_LEVEL = 9


@dataclass
class Image:
    """The contents of an image."""

    name: str
    files: list[tuple[Path, str]] = field(default_factory=list)
    shared_folders: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    environment: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    user: str = "65532:65532"
    working_folder: str = "/"
    architecture: str = "amd64"
    epoch: int = 0


def layer(image: Image) -> bytes:
    """The layer, a tar file sorted by name: a folder comes before its files."""
    entries: dict[str, tuple[Path | None, int]] = {}

    def folder(path: PurePosixPath, mode: int) -> None:
        for parent in reversed(path.parents):
            if str(parent) != "/":
                entries.setdefault(str(parent), (None, FOLDER_MODE))
        entries[str(path)] = (None, mode)

    def file(source: Path, destination: PurePosixPath) -> None:
        if destination.parent != PurePosixPath("/"):
            folder_there = entries.get(str(destination.parent))
            folder(destination.parent, folder_there[1] if folder_there else FOLDER_MODE)
        entries[str(destination)] = (source, PROGRAM_MODE if os.access(source, os.X_OK) else DATA_MODE)

    for path in image.shared_folders:
        folder(absolute(path), SHARED_FOLDER_MODE)
    for source, destination in image.files:
        if source.is_dir():
            for inner in sorted(source.rglob("*")):
                if inner.is_symlink() or inner.is_file():
                    file(inner, absolute(destination) / inner.relative_to(source))
        elif source.is_file():
            file(source, absolute(destination))
        else:
            raise SystemExit(f"{source} is no file and no folder: build it first")

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, (source, mode) in sorted(entries.items()):
            info = tarfile.TarInfo(path.lstrip("/"))
            info.mode, info.mtime = mode, image.epoch
            if source is None:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            elif source.is_symlink():
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, os.readlink(source), 0o777
                tar.addfile(info)
            elif stat.S_ISREG(source.stat().st_mode):
                data = source.read_bytes()
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def write(image: Image, output: Path) -> dict[str, str | int]:
    """Writes the archive whole or not at all. Returns its name, digest and sizes."""
    plain = layer(image)
    packed = gzip.compress(plain, compresslevel=COMPRESSION_LEVEL, mtime=0)
    created = epoch_text(image.epoch)
    configuration = {
        "architecture": image.architecture,
        "os": "linux",
        "created": created,
        "config": {
            "User": image.user,
            "Env": image.environment,
            "Entrypoint": image.entrypoint or None,
            "Cmd": image.command or None,
            "WorkingDir": image.working_folder,
            "Labels": dict(sorted(image.labels.items())),
        },
        "rootfs": {"type": "layers", "diff_ids": [digest(plain)]},
        "history": [{"created": created, "created_by": "scripts/image/oci.py"}],
    }
    configuration["config"] = {key: value for key, value in configuration["config"].items() if value}
    configured = as_json(configuration)
    manifest = as_json({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", configured),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", packed)],
        "annotations": {key: value for key, value in sorted(image.labels.items()) if key.startswith("org.opencontainers.")},
    })
    described = descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
    tag = image.name.rpartition(":")[2]
    described["annotations"] = {"io.containerd.image.name": image.name, "org.opencontainers.image.ref.name": tag}
    described["platform"] = {"architecture": image.architecture, "os": "linux"}
    index = as_json({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [described]})

    members = {"oci-layout": as_json({"imageLayoutVersion": "1.0.0"}), "index.json": index}
    for blob in (configured, manifest, packed):
        members["blobs/sha256/" + digest(blob).removeprefix("sha256:")] = blob
    draft = output.with_name(f"{output.name}.{os.getpid()}.draft")
    draft.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(draft, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in sorted(members.items()):
            info = tarfile.TarInfo(name)
            info.mode, info.mtime, info.size = DATA_MODE, image.epoch, len(data)
            tar.addfile(info, io.BytesIO(data))
    draft.replace(output)
    return {"name": image.name, "digest": digest(manifest), "compressed_bytes": len(packed), "files_bytes": len(plain)}


def absolute(path: str) -> PurePosixPath:
    """A path in the image."""
    if not path.startswith("/") or ".." in PurePosixPath(path).parts:
        raise SystemExit(f"a path in the image begins with / and has no ..: {path}")
    return PurePosixPath(path)


def digest(data: bytes) -> str:
    """The digest of these bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def descriptor(media_type: str, data: bytes) -> dict:
    """The reference from one part of an image to another."""
    return {"mediaType": media_type, "digest": digest(data), "size": len(data)}


def as_json(value: object) -> bytes:
    """Canonical JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def epoch_text(epoch: int) -> str:
    """The time in the format of image configurations."""
    return datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def pair(text: str, separator: str, what: str) -> tuple[str, str]:
    """Splits an argument in two."""
    left, found, right = text.partition(separator)
    if not found or not left:
        raise SystemExit(f"{what} is written as LEFT{separator}RIGHT: {text}")
    return left, right


def main() -> None:
    """The command line."""
    about = (__doc__ or "").split("\n", 1)[0]
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--output", type=Path, required=True, help="the archive to write")
    parser.add_argument("--name", required=True, help="its name with a tag, as ghcr.io/pganalytics/pganalytics:0.1.0")
    parser.add_argument("--file", action="append", default=[], help="a file or folder and its path in the image: FROM:/TO")
    parser.add_argument("--shared-folder", action="append", default=[], help="an empty folder that every user may write to, as /tmp")
    parser.add_argument("--entrypoint", action="append", default=[], help="the program; once more for each fixed argument")
    parser.add_argument("--command", action="append", default=[], help="an argument that `docker run` and `args:` replace")
    parser.add_argument("--env", action="append", default=[], help="NAME=VALUE")
    parser.add_argument("--label", action="append", default=[], help="NAME=VALUE")
    parser.add_argument("--user", default="65532:65532", help="user and group, as numbers")
    parser.add_argument("--architecture", default="amd64", choices=["amd64", "arm64"])
    options = parser.parse_args()
    if ":" not in options.name.rpartition("/")[2]:
        raise SystemExit(f"--name needs a tag: {options.name}:latest")
    image = Image(
        name=options.name,
        files=[(Path(source), destination) for source, destination in (pair(text, ":", "--file") for text in options.file)],
        shared_folders=options.shared_folder,
        entrypoint=options.entrypoint,
        command=options.command,
        environment=sorted(options.env),
        labels=dict(pair(text, "=", "--label") for text in options.label),
        user=options.user,
        architecture=options.architecture,
        epoch=int(os.environ.get("SOURCE_DATE_EPOCH", "0")),
    )
    json.dump(write(image, options.output), sys.stdout)
    print()


if __name__ == "__main__":
    main()

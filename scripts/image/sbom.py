#!/usr/bin/env python3
"""Writes a program's bill of materials: a CycloneDX 1.6 document of every crate in one package of this workspace, with version, licence and checksum, from
Cargo.lock and `cargo metadata`. The same lock file gives the same document: it has no time and no random serial number.

    sbom.py --package pganalytics --target x86_64-unknown-linux-musl --output pganalytics.cdx.json
"""

import argparse
import json
import re
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def document(package: str, metadata: dict, checksums: dict[tuple[str, str], str]) -> dict:
    """The document, from `cargo metadata` and Cargo.lock."""
    packages = {entry["id"]: entry for entry in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = next((entry for entry in metadata["packages"] if entry["name"] == package and entry["source"] is None), None)
    if root is None:
        raise SystemExit(f"there is no package {package} in this workspace")
    seen, waiting = set(), [root["id"]]
    edges: dict[str, list[str]] = {}
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        # Crates that only tests or build scripts use are not in the program.
        uses = [dep["pkg"] for dep in nodes[current]["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
        edges[current] = uses
        waiting.extend(uses)
    components = sorted((component(packages[crate], checksums) for crate in seen - {root["id"]}), key=lambda entry: entry["bom-ref"])
    dependencies = sorted(
        ({"ref": reference(packages[crate]), "dependsOn": sorted(reference(packages[use]) for use in uses)} for crate, uses in edges.items()),
        key=lambda entry: entry["ref"],
    )
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": component(root, checksums) | {"type": "application"}},
        "components": components,
        "dependencies": dependencies,
    }


def reference(entry: dict) -> str:
    """A crate's package URL."""
    return f"pkg:cargo/{entry['name']}@{entry['version']}"


def component(entry: dict, checksums: dict[tuple[str, str], str]) -> dict:
    """One crate."""
    found = {
        "type": "library",
        "bom-ref": reference(entry),
        "name": entry["name"],
        "version": entry["version"],
        "purl": reference(entry),
    }
    if entry["license"]:
        found["licenses"] = [{"expression": entry["license"].replace("/", " OR ")}]
    checksum = checksums.get((entry["name"], entry["version"]))
    if checksum:
        found["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--package", required=True)
    parser.add_argument("--target", required=True, help="only crates that this target uses")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    answer = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", options.target],
        cwd=CHECKOUT, check=True, stdout=subprocess.PIPE,
    )
    entry = re.compile(r'name = "(.+)"\nversion = "(.+)"\nsource = ".+"\nchecksum = "(.+)"')
    checksums = {(name, version): checksum for name, version, checksum in entry.findall((CHECKOUT / "Cargo.lock").read_text())}
    found = document(options.package, json.loads(answer.stdout), checksums)
    options.output.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()

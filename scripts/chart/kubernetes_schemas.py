"""Writes the Kubernetes schemas of the package kubernetes-validate for kubeconform: one file per kind, with the definitions beside it.

    kubernetes_schemas.py FOLDER VERSION …
"""

import json
import pathlib
import sys

import kubernetes_validate

ORIGIN = pathlib.Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"


def beside(part):
    """The same schema with references to files in its own folder."""
    if isinstance(part, list):
        return [beside(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: value.replace("/api/_definitions.json", "_definitions.json") if key == "$ref" and isinstance(value, str) else beside(value)
        for key, value in part.items()
        if not (key == "$id" and isinstance(value, str))
    }


def main():
    target = pathlib.Path(sys.argv[1])
    for version in sys.argv[2:]:
        folder = ORIGIN / f"v{version}-local-strict"
        if not folder.is_dir():
            sys.exit(f"kubernetes-validate has no schemas of Kubernetes {version}: name another in scripts/chart/chart.py")
        (target / f"v{version}").mkdir(parents=True)
        for file in folder.glob("*.json"):
            (target / f"v{version}" / file.name).write_text(json.dumps(beside(json.loads(file.read_text()))))


main()

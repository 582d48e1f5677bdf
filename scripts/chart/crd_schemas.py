"""Writes strict schemas of custom resources for kubeconform, one file per kind and version.

Reads the output of `go mod download -json` in tools/crds, and takes the CustomResourceDefinitions of those modules. The schemas refuse unknown keys, as
an API server does with strict field validation, unless the definition preserves unknown fields.
"""

import json
import pathlib
import sys

import yaml

# The folder with the definitions in each module.
FOLDERS = {
    "github.com/cert-manager/cert-manager": "deploy/crds",
    "github.com/external-secrets/external-secrets": "config/crds/bases",
    "github.com/prometheus-operator/prometheus-operator": "example/prometheus-operator-crd",
    "github.com/traefik/traefik/v3": "docs/content/reference/dynamic-configuration",
    "sigs.k8s.io/gateway-api": "config/crd/standard",
}


class Loader(yaml.CSafeLoader):
    """Reads a bare `=` as a string. YAML 1.1 gives it a type of its own."""


Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: node.value)


def strict(schema):
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: strict(part) if key not in ("default", "enum", "example") else part for key, part in schema.items()}
    if schema.get("x-kubernetes-int-or-string"):
        schema.pop("type", None)
    elif "properties" in schema and "additionalProperties" not in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema["additionalProperties"] = False
    return schema


def main():
    target = pathlib.Path(sys.argv[1])
    target.mkdir(parents=True)
    decoder, text, seen = json.JSONDecoder(), sys.stdin.read().strip(), set()
    while text:
        module, end = decoder.raw_decode(text)
        text = text[end:].strip()
        folder = FOLDERS.get(module["Path"])
        if folder is None:
            continue
        seen.add(module["Path"])
        for file in sorted((pathlib.Path(module["Dir"]) / folder).glob("*.y*ml")):
            for document in yaml.load_all(file.read_text(), Loader):
                if isinstance(document, dict) and document.get("kind") == "CustomResourceDefinition":
                    write(target, document["spec"])
    missing = set(FOLDERS) - seen
    if missing:
        sys.exit(f"tools/crds/go.mod does not name {', '.join(sorted(missing))}")


def write(target, spec):
    for version in spec["versions"]:
        schema = strict(version["schema"]["openAPIV3Schema"])
        # An API server adds these keys to every kind. Kubernetes has the schema of metadata.
        for key in ("apiVersion", "kind"):
            schema["properties"][key] = {"type": "string"}
        schema["properties"]["metadata"] = {"type": "object"}
        name = f"{spec['names']['kind']}-{spec['group']}-{version['name']}.json".lower()
        (target / name).write_text(json.dumps(schema))


main()

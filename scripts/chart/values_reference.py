"""kubernetes/HELM_VALUES_REFERENCE.md: each value with its type, default, description, example and constraints.

Descriptions and examples come from the comments above the keys of values.yaml. Types and constraints come from values.schema.json. A key without a
comment, or a key in only one of the two files, is an error.
"""

import json
import re

import yaml

from chart import CHART

HEAD = """# Values of the Helm chart

Generated from [values.yaml](../helm/pganalytics/values.yaml) and [values.schema.json](../helm/pganalytics/values.schema.json) by `make generated`. CI fails if this page is
out of date. The schema refuses unknown keys and invalid values. Profiles to start from: `values-dev.yaml`, `values-prod.yaml` and
`values-enterprise.yaml`. [KUBERNETES_DEPLOYMENT.md](KUBERNETES_DEPLOYMENT.md) explains how to use them.
"""


def comments(text):
    """The comment above each key, by path, and the title of each section, by its first path."""
    found, sections, block, stack, title = {}, {}, [], [], None
    for line in text.splitlines():
        if line.startswith("# ── "):
            title, block = line.strip("# ─"), []
        elif line.strip().startswith("#"):
            block.append(line.strip()[1:].strip())
        elif match := re.match(r"^( *)([A-Za-z][\w.]*):(?: |$)", line):
            depth = len(match[1])
            while stack and stack[-1][0] >= depth:
                stack.pop()
            stack.append((depth, match[2]))
            path = ".".join(key for _, key in stack)
            if block:
                found[path] = block
            if title:
                sections[path], title = title, None
            block = []
        else:
            block = []
    return found, sections


def walk(value, schema, definitions, path=()):
    """Each value: path, default and schema."""
    properties = schema.get("properties")
    if properties is None or "$ref" in schema:
        yield path, value, schema
        return
    keys, known = set(value), set(properties)
    assert keys == known, f"{'.'.join(path) or 'the root'}: only values.yaml has {sorted(keys - known)}, only values.schema.json has {sorted(known - keys)}"
    for key, item in value.items():
        yield from walk(item, properties[key], definitions, (*path, key))


def resolve(schema, definitions):
    if "$ref" in schema:
        return resolve(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    if "allOf" in schema:
        merged = {}
        for part in schema["allOf"]:
            merged |= resolve(part, definitions)
        return merged | {key: value for key, value in schema.items() if key != "allOf"}
    return schema


def kind(schema, definitions):
    types = schema.get("type", "any")
    types = [types] if isinstance(types, str) else types
    if types == ["array"]:
        return "list of " + {"object": "objects", "integer": "integers"}.get(resolve(schema.get("items", {}), definitions).get("type"), "strings")
    return " or ".join(types)


def constraints(schema):
    said = []
    if "enum" in schema:
        said.append("one of " + ", ".join(f"`{json.dumps(value) if not isinstance(value, str) else value or '(empty)'}`" for value in schema["enum"]))
    if "description" in schema:
        said.append(schema["description"])
    if "minimum" in schema and "maximum" in schema:
        said.append(f"{schema['minimum']} to {schema['maximum']}")
    elif schema.get("minimum", 0) > 0:
        said.append(f"at least {schema['minimum']}")
    elif "minimum" in schema:
        said.append("not negative")
    if schema.get("minLength", 0) > 0:
        said.append("not empty")
    if schema.get("minItems", 0) > 0:
        said.append("not empty")
    if schema.get("uniqueItems"):
        said.append("each once")
    if "pattern" in schema and "description" not in schema:
        said.append(f"fits `{schema['pattern']}`".replace("|", "\\|"))
    return "; ".join(said) or "–"


def code(value):
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text}`".replace("|", "\\|")


def text():
    """The document."""
    source = (CHART / "values.yaml").read_text()
    schema = json.loads((CHART / "values.schema.json").read_text())
    said, sections = comments(source)
    rows = list(walk(yaml.safe_load(source), schema, schema["definitions"]))
    out, count = [HEAD, f"\n{len(rows)} values.\n"], 0
    for path, default, raw in rows:
        name = ".".join(path)
        for length in range(1, len(path) + 1):
            begin = ".".join(path[:length])
            if begin in sections:
                out.append(f"\n## {sections.pop(begin)}\n")
                intro = said.get(begin) if length < len(path) else None
                if intro:
                    out.append("\n" + " ".join(line for line in intro if not line.startswith("Example:")) + "\n")
                out.append("\n| value | type | default | description | example | constraints |\n|---|---|---|---|---|---|\n")
        comment = said.get(name)
        assert comment, f"{name}: values.yaml has no comment above it"
        resolved = resolve(raw, schema["definitions"])
        example = next((line.removeprefix("Example:").strip() for line in comment if line.startswith("Example:")), None)
        example = code(yaml.safe_load(example)) if example else code(default)
        description = " ".join(line for line in comment if not line.startswith("Example:")).replace("|", "\\|")
        out.append(f"| `{name}` | {kind(resolved, schema['definitions'])} | {code(default)} | {description} | {example} | {constraints(resolved)} |\n")
        count += 1
    return "".join(out)

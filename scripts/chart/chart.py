"""The chart, its profiles, and the programs that check them."""

import dataclasses
import functools
import os
import pathlib
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "pganalytics"
NAMESPACE = "pganalytics"
# The oldest version with published schemas, the newest, and some between. 1.24 has the same kinds as 1.25.
VERSIONS = ["1.25.0", "1.28.0", "1.31.0", "1.34.0", "1.37.0"]
LATEST = VERSIONS[-1]
PROFILES = {
    "default": [],
    "dev": [CHART / "values-dev.yaml"],
    "prod": [CHART / "values-prod.yaml"],
    "enterprise": [CHART / "values-enterprise.yaml"],
}
# Values outside the profiles: presets of controllers and clouds, other stores, other kinds of access.
CASES = {file.name.removesuffix("-values.yaml"): [file] for file in sorted((CHART / "ci").glob("*-values.yaml"))}
EVERYTHING = PROFILES | CASES


class Loader(yaml.CSafeLoader):
    """YAML as strict readers take it: a key that is there twice is an error."""


def mapping(loader, node):
    keys = [key.value for key, _ in node.value]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    assert not twice, f"{', '.join(twice)}: the key is there twice, at {node.start_mark}"
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)


# The kinds that `auto` looks for: the checks see the objects of a cluster with the Prometheus operator.
OPERATOR = tuple(word for kind in ("ServiceMonitor", "PodMonitor", "PrometheusRule") for word in ("--api-versions", f"monitoring.coreos.com/v1/{kind}"))


@dataclasses.dataclass
class Tools:
    folder: pathlib.Path

    def program(self, name):
        return str(self.folder / "bin" / name)

    @property
    def python(self):
        return self.folder / "python" / "bin"

    @property
    def schemas(self):
        """The locations of kubeconform's schemas."""
        kubernetes = f"{self.folder}/schemas/{{{{.NormalizedKubernetesVersion}}}}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
        custom = f"{self.folder}/crds/{{{{.ResourceKind}}}}-{{{{.Group}}}}-{{{{.ResourceAPIVersion}}}}.json"
        return ["-schema-location", kubernetes, "-schema-location", custom]

    @functools.lru_cache(maxsize=None)  # noqa: B019: the process has one instance
    def render(self, case="default", version=LATEST, helm="helm", release="pganalytics", more=OPERATOR):
        """The rendered text of a profile or case."""
        files = [word for file in EVERYTHING[case] for word in ("--values", str(file))]
        return run(
            [self.program(helm), "template", release, str(CHART), "--namespace", NAMESPACE, "--kube-version", version, *files, *more]
        )

    def objects(self, *arguments, **named):
        return parse(self.render(*arguments, **named))

    def __hash__(self):
        return hash(self.folder)


def parse(text):
    return [document for document in yaml.load_all(text, Loader) if document]


def run(command, expect=0, text=None, cwd=ROOT, env=None):
    """The output of a program. Raises an AssertionError with the whole output if the exit code is not the expected one."""
    done = subprocess.run(command, capture_output=True, text=True, input=text, cwd=cwd, env={**os.environ, **(env or {})}, check=False)
    if expect is not None:
        assert done.returncode == expect, f"{' '.join(map(str, command))} exited with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout if expect == 0 else done.stdout + done.stderr


def pods(objects):
    """Each pod's spec, with the object that contains it."""
    for thing in objects:
        if thing["kind"] == "Pod":
            yield thing, thing["spec"]
        elif thing["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job"):
            yield thing, thing["spec"]["template"]["spec"]


def named(thing):
    return f"{thing['kind']}/{thing['metadata']['name']}"

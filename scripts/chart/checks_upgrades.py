"""Whether an upgrade works: from other versions of the chart, and from other values."""

import itertools
import pathlib
import re
import shutil
import subprocess
import tempfile

import yaml

from chart import CHART, OPERATOR, PROFILES, ROOT, named, parse, run
from wrong_values import TARGET

# Values that change what the bootstrap Job's pod contains. Each pair of them is one upgrade.
JOB_VALUES = [
    [],
    ["backend.image.tag=0.0.9"],
    ["backend.image.digest=sha256:" + "0" * 64],
    ["backend.image.pullPolicy=Always"],
    ["imagePullSecrets[0].name=login"],
    ["backend.admin.passwordKey=admin-password"],
    ["nameOverride=statistics"],
    ["monitoring.serviceMonitor.enabled=true"],
    [*TARGET],
    [*TARGET, "backend.service.port=80"],
    [*TARGET, "collector.token.key=bearer"],
    [*TARGET, "tls.enabled=true", "tls.existingSecret=a"],
    [*TARGET, "tls.enabled=true", "tls.existingSecret=b"],
    [*TARGET, "tls.enabled=true", "tls.existingSecret=a", "tls.caKey=root.crt"],
    [*TARGET, "tls.enabled=true", "tls.existingSecret=a", "tls.clientAuth.mode=required", "tls.clientAuth.existingSecret=c", "collector.backend.clientCertificateSecret=d"],
    [*TARGET, "tls.enabled=true", "tls.existingSecret=a", "tls.clientAuth.mode=required", "tls.clientAuth.existingSecret=c", "collector.backend.clientCertificateSecret=e"],
    ["secrets.bootstrap.resources.limits.memory=128Mi"],
    ["secrets.bootstrap.serviceAccount.name=mine"],
    ["secrets.bootstrap.backoffLimit=3"],
    ["backend.podSecurityContext.runAsUser=1000"],
    ["backend.containerSecurityContext.readOnlyRootFilesystem=false"],
    ["backend.nodeSelector.disk=ssd"],
    ["backend.tolerations[0].operator=Exists"],
    ["commonLabels.team=databases"],
]


def check_01_immutable_fields_do_not_change(tools):
    """an upgrade from the previous version and to the next version changes no immutable field"""
    versions = [("this one", CHART)]
    with tempfile.TemporaryDirectory() as folder:
        # The last released version, or without a release the committed version.
        tags = run(["git", "tag", "--list", "v*", "--sort=-creatordate"]).split()
        reference = next((t for t in tags if run(["git", "ls-tree", t, "helm/pganalytics/Chart.yaml"])), "HEAD")
        if run(["git", "ls-tree", reference, "helm/pganalytics/Chart.yaml"]):
            archive = subprocess.run(["git", "archive", reference, "helm/pganalytics"], cwd=ROOT, capture_output=True, check=True).stdout
            subprocess.run(["tar", "x", "-C", folder], input=archive, check=True)
            versions.insert(0, (reference, pathlib.Path(folder) / "helm" / "pganalytics"))
        bumped = pathlib.Path(folder) / "next"
        shutil.copytree(CHART, bumped)
        meta = (bumped / "Chart.yaml").read_text()
        meta = re.sub(r"^version: .*$", "version: 9.9.9", meta, flags=re.MULTILINE)
        (bumped / "Chart.yaml").write_text(re.sub(r"^appVersion: .*$", 'appVersion: "9.9.9"', meta, flags=re.MULTILINE))
        versions.append(("9.9.9", bumped))
        count = 0
        for profile, files in PROFILES.items():
            values = [word for file in files for word in ("--values", str(file))]
            fixed = []
            for name, chart in versions:
                # The profile of that version, because an old chart refuses unknown keys.
                own = [str(chart / pathlib.Path(word).name) if word.endswith(".yaml") else word for word in values]
                text = run([tools.program("helm"), "template", "pganalytics", chart, "--namespace", "pganalytics", "--kube-version", "1.34.0", *own,
                            "--set", "commonLabels.changed=" + name.replace(" ", "-")])
                fixed.append((name, immutable(parse(text))))
            for (before, old), (after, new) in zip(fixed, fixed[1:]):
                for key in old.keys() & new.keys():
                    assert old[key] == new[key], f"{profile}, {before} to {after}: {key} changes\n{old[key]}\n{new[key]}"
                    count += 1
    return count


def immutable(objects):
    """The immutable fields of each object."""
    found = {}
    for thing in objects:
        spec = thing.get("spec", {})
        if thing["kind"] == "StatefulSet":
            mutable = {"replicas", "template", "updateStrategy", "minReadySeconds", "persistentVolumeClaimRetentionPolicy", "revisionHistoryLimit"}
            found[named(thing)] = {key: value for key, value in spec.items() if key not in mutable}
        elif thing["kind"] in ("Deployment", "DaemonSet"):
            found[named(thing)] = spec["selector"]
        elif thing["kind"] == "Job":
            found[named(thing)] = spec["template"]
        elif thing["kind"] in ("RoleBinding", "ClusterRoleBinding"):
            found[named(thing)] = thing["roleRef"]
        elif thing["kind"] == "Service":
            found[named(thing)] = spec.get("clusterIP")
        elif thing["kind"] == "PersistentVolumeClaim":
            found[named(thing)] = {key: value for key, value in spec.items() if key != "resources"}
    return found


def check_02_job_has_a_name_per_template(tools):
    """whatever value changes, the bootstrap Job has another name exactly if its immutable pod template is another"""
    rendered = []
    for settings in JOB_VALUES:
        for version in ("", "9.9.9"):
            with tempfile.TemporaryDirectory() as folder:
                chart = CHART
                if version:
                    # The next appVersion is the next image.
                    chart = pathlib.Path(folder) / "next"
                    shutil.copytree(CHART, chart)
                    meta = chart / "Chart.yaml"
                    meta.write_text(re.sub(r"^appVersion: .*$", f'appVersion: "{version}"', meta.read_text(), flags=re.MULTILINE))
                text = run([tools.program("helm"), "template", "pganalytics", chart, "--namespace", "pganalytics", *[w for s in settings for w in ("--set", s)]])
            (job,) = [thing for thing in parse(text) if thing["kind"] == "Job"]
            rendered.append((settings, job["metadata"]["name"], job["spec"]["template"]))
    count = 0
    for (one, name, template), (other, other_name, other_template) in itertools.combinations(rendered, 2):
        assert (name == other_name) == (template == other_template), f"{one} and {other}: {name} and {other_name}"
        count += 1
    return count


# Values of all kinds of pods, with a pinned image.
PODS = [*TARGET, "collector.discovery.enabled=true", "collector.discovery.allNamespaces=true", "collector.credentials.existingSecret=m", "backend.image.tag=v1", "collector.image.tag=v1"]
# Changes, and the kinds of pods that read at start what changes.
RESTARTS = [
    ([], True, set()),
    (["commonAnnotations.owner=me"], False, set()),
    (["collector.targets[1].name=b", "collector.targets[1].conninfo=host=b"], False, {"Deployment"}),
    (["collector.discovery.database=app"], False, {"DaemonSet"}),
    (["collector.flush=5s"], False, {"DaemonSet", "Deployment"}),
    (["backend.config.maxRows=7"], False, {"StatefulSet"}),
    (["backend.replicas=3", "database.url=postgresql://u@db/x"], False, {"StatefulSet"}),
    (["networkPolicy.enabled=false"], False, set()),
    (["monitoring.dashboards.enabled=true"], False, set()),
    (["monitoring.prometheusRule.enabled=true"], False, set()),
    (["backend.service.type=NodePort"], False, set()),
    (["views.a\\.toml=x"], False, {"StatefulSet", "DaemonSet", "Deployment"}),
]


def check_03_pods_restart_for_their_own_settings(tools):
    """an upgrade replaces exactly the pods that read at start what changed; a new version of the chart with the same images replaces none"""
    def templates(chart, settings):
        text = run([tools.program("helm"), "template", "pganalytics", chart, "--namespace", "pganalytics", *[w for s in settings for w in ("--set", s)]])
        return {thing["kind"]: thing["spec"]["template"] for thing in parse(text) if thing["kind"] in ("StatefulSet", "DaemonSet", "Deployment")}

    before = templates(CHART, PODS)
    assert set(before) == {"StatefulSet", "DaemonSet", "Deployment"}
    with tempfile.TemporaryDirectory() as folder:
        bumped = pathlib.Path(folder) / "next"
        shutil.copytree(CHART, bumped)
        meta = (bumped / "Chart.yaml").read_text()
        (bumped / "Chart.yaml").write_text(re.sub(r"^((?:app)?[vV]ersion): .*$", r'\1: "9.9.9"', meta, flags=re.MULTILINE))
        for change, version, expected in RESTARTS:
            after = templates(bumped if version else CHART, [*PODS, *change])
            replaced = {kind for kind in before if before[kind] != after[kind]}
            assert replaced == expected, f"{change or 'a new version'} replaces {sorted(replaced)}, not {sorted(expected)}"
    return len(RESTARTS)


# Keys of unreleased versions that the chart does not have any more: the schema refuses them by name.
REMOVED = ["'mode' not allowed"]


def check_04_values_of_each_older_version(tools):
    """helm upgrade --reuse-values works with the values of every version of the chart: what they lack has a default"""
    commits = run(["git", "log", "--format=%H", "--", "helm/pganalytics/values.yaml"]).split()
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        chart = pathlib.Path(folder) / "chart"
        shutil.copytree(CHART, chart)
        for commit in commits:
            # Helm renders the new templates with the old version's values.yaml.
            (chart / "values.yaml").write_text(run(["git", "show", f"{commit}:helm/pganalytics/values.yaml"]))
            for profile, files in PROFILES.items():
                values = [word for file in files for word in ("--values", str(file))]
                command = [tools.program("helm"), "template", "pganalytics", chart, "--namespace", "pganalytics", *values, *OPERATOR]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if any(key in done.stderr for key in REMOVED):
                    done = subprocess.run([*command, "--skip-schema-validation"], capture_output=True, text=True, check=False)
                assert done.returncode == 0, f"values of {commit[:7]}, {profile}: {done.stderr}"
                assert "nil" not in done.stdout and "<no value>" not in done.stdout, f"values of {commit[:7]}, {profile}: {done.stdout}"
                count += 1
    return count


def check_05_newer_defaults_are_those_of_values(tools):
    """the defaults for --reuse-values are those of values.yaml, and each template begins with them"""
    text = (CHART / "templates" / "_defaults.tpl").read_text()
    newer = yaml.safe_load(re.search(r'define "pganalytics.newer" -}}\n(.*?)\n{{- end', text, flags=re.DOTALL)[1])

    def compare(part, whole, path):
        for key, value in part.items():
            assert key in whole, f"values.yaml has no {'.'.join([*path, key])}"
            if isinstance(value, dict):
                compare(value, whole[key], [*path, key])
            else:
                assert value == whole[key], f"{'.'.join([*path, key])} is {whole[key]!r} in values.yaml, not {value!r}"

    compare(newer, yaml.safe_load((CHART / "values.yaml").read_text()), [])
    for file in [*(CHART / "templates").rglob("*.yaml"), CHART / "templates" / "NOTES.txt"]:
        first = re.sub(r"\A{{- /\*.*?\*/}}\n", "", file.read_text(), flags=re.DOTALL).splitlines()[0]
        assert first == '{{- include "pganalytics.defaults" . }}', f"{file.name} begins with {first}"

"""Whether the chart renders, and whether Kubernetes and common linters accept the result."""

import json
import pathlib
import shutil
import tempfile

import yaml

from chart import CASES, CHART, EVERYTHING, LATEST, NAMESPACE, PROFILES, ROOT, VERSIONS, parse, pods, run

# The custom resources of Google's controller have no published schema.
WITHOUT_SCHEMA = "FrontendConfig,BackendConfig"


def check_01_yaml_is_tidy(tools):
    """yamllint: values, the chart's tests, the manifests"""
    files = [*CHART.glob("*.yaml"), *CHART.glob("ci/*.yaml"), *CHART.glob("tests/*.yaml"), *(ROOT / "kubernetes").glob("*.yaml")]
    run([tools.python / "yamllint", "--strict", "-c", ROOT / "tools" / "helm" / "yamllint.yaml", *files])
    return len(files)


def check_02_lint(tools):
    """helm lint, strict, on each profile and the oldest and newest Kubernetes, with Helm 3 and 4"""
    count = 0
    for helm in ("helm", "helm3"):
        for files in PROFILES.values():
            for version in (VERSIONS[0], LATEST):
                values = [word for file in files for word in ("--values", str(file))]
                run([tools.program(helm), "lint", "--strict", CHART, "--kube-version", version, "--namespace", NAMESPACE, *values])
                count += 1
    return count


def check_03_helm_3_and_4_agree(tools):
    """Helm 3 and Helm 4 render the same objects"""
    for case in EVERYTHING:
        assert parse(tools.render(case)) == parse(tools.render(case, helm="helm3")), f"{case}: Helm 3 and Helm 4 differ"
    return len(EVERYTHING)


def check_04_schemas(tools):
    """kubeconform, strict: each profile and case on each version of Kubernetes, custom resources too"""
    for version in VERSIONS:
        with tempfile.TemporaryDirectory() as folder:
            for case in EVERYTHING:
                (pathlib.Path(folder) / f"{case}.yaml").write_text(tools.render(case, version=version))
            # One process per version, because the schemas are large.
            run([tools.program("kubeconform"), "-strict", "-kubernetes-version", version, "-skip", WITHOUT_SCHEMA, *tools.schemas, folder])
    return len(VERSIONS) * len(EVERYTHING)


def check_05_unittests(tools):
    """helm-unittest: every template and toggle"""
    text = run([tools.program("helm-unittest"), "--strict", "--color=false", CHART])
    (line,) = [line for line in text.splitlines() if line.startswith("Tests:")]
    return int(line.split(" passed")[0].split()[-1])


def check_06_every_template_has_tests(tools):
    """each template has a suite of unit tests"""
    templates = {str(file.relative_to(CHART / "templates")) for file in (CHART / "templates").rglob("*.yaml")} | {"NOTES.txt"}
    tested = set()
    for file in (CHART / "tests").glob("*_test.yaml"):
        suite = next(iter(parse(file.read_text())))
        tested |= set(suite.get("templates", [])) | {t for test in suite["tests"] for t in [test.get("template")] if t}
    missing = sorted(templates - tested)
    assert not missing, f"no suite in helm/pganalytics/tests names {', '.join(missing)}"


def check_07_kube_score(tools):
    """kube-score finds nothing critical in prod and enterprise"""
    for case in ("prod", "enterprise"):
        text = run(
            [
                tools.program("kube-score"), "score", "-", "--output-format", "ci", "--kubernetes-version", "v1.30",
                # Images are pinned by tag or digest, so nodes need not pull them each time.
                "--ignore-test", "container-image-pull-policy",
                # kube-score does not combine several policies. check_05_every_pod_has_a_policy does.
                "--ignore-test", "pod-networkpolicy",
                # The root is read-only, and the limit of each emptyDir evicts the pod before the node is full.
                "--ignore-test", "container-ephemeral-storage-request-and-limit",
            ],
            text=tools.render(case),
            expect=None,
        )
        critical = [line for line in text.splitlines() if line.startswith("[CRITICAL]")]
        assert not critical, f"{case}:\n" + "\n".join(critical)
    return 2


def check_08_checkov(tools):
    """checkov finds nothing in any profile"""
    reasons = {
        "CKV_K8S_15": "images are pinned by tag or digest, so nodes need not pull them each time",
        "CKV_K8S_43": "a digest is the user's choice: backend.image.digest",
        "CKV_K8S_38": "the bootstrap Job, discovery and enrolment call the API server; check_02_every_pod_is_restricted proves that no other pod has a token",
        "CKV_K8S_35": "clients of object stores and libpq read environment variables; our own programs read passwords from files",
        "CKV_K8S_21": "Helm sets the namespace",
        "CKV2_K8S_6": "checkov does not match policies by label; check_05_every_pod_has_a_policy does",
    }
    with tempfile.TemporaryDirectory() as folder:
        for case in ("default", "prod", "enterprise"):
            file = f"{folder}/{case}.yaml"
            with open(file, "w") as out:
                out.write(tools.render(case))
        text = run(
            [
                tools.python / "checkov", "--directory", folder, "--framework", "kubernetes", "--skip-download", "--compact", "--quiet",
                "--output", "json", "--skip-check", ",".join(reasons),
            ],
            expect=None,
            env={"LOG_LEVEL": "ERROR"},
        )
        report = json.loads(text[text.index("{") :])
        found = [f"{f['check_id']} {f['check_name']}: {f['resource']}" for f in report["results"]["failed_checks"]]
        assert not found, "\n".join(sorted(set(found)))
        assert report["summary"]["passed"] > 100, f"checkov ran too few checks: {report['summary']}"


def check_09_dry_run(tools):
    """helm install --dry-run=client accepts each profile without a cluster, and prints the notes"""
    for case, files in PROFILES.items():
        values = [word for file in files for word in ("--values", str(file))]
        # Helm 4 only: Helm 3 needs a cluster for its version.
        text = run(
            [tools.program("helm"), "install", "pganalytics", CHART, "--namespace", NAMESPACE, "--dry-run=client", *values],
            env={"KUBECONFIG": "/dev/null"},
        )
        assert "is installed as pganalytics" in text, f"{case}: the notes are missing"
    return len(PROFILES)


def check_10_kustomize(tools):
    """kustomize builds kubernetes/ from every file"""
    built = parse(run([tools.program("kustomize"), "build", ROOT / "kubernetes"]))
    files = [file for file in (ROOT / "kubernetes").glob("*.yaml") if file.name != "kustomization.yaml"]
    written = [document for file in files for document in parse(file.read_text())]
    identity = lambda thing: (thing["kind"], thing["metadata"].get("namespace"), thing["metadata"]["name"])  # noqa: E731
    assert sorted(map(identity, built), key=str) == sorted(map(identity, written), key=str), "kustomization.yaml does not name every file"


def check_11_manifests_fit_schemas(tools):
    """kubeconform, strict: the manifests in kubernetes/"""
    files = [file for file in (ROOT / "kubernetes").glob("*.yaml") if file.name != "kustomization.yaml"]
    run(
        [
            tools.program("kubeconform"), "-strict", "-kubernetes-version", LATEST,
                    *tools.schemas,
            *files,
        ]
    )
    return len(files)


def check_12_package(tools):
    """helm package packs the chart with its README and without its tests; Chart.yaml names the images and the icon"""
    with tempfile.TemporaryDirectory() as folder:
        run([tools.program("helm"), "package", CHART, "--destination", folder])
        listing = run(["tar", "tzf", *map(str, pathlib.Path(folder).glob("*.tgz"))])
        assert "/tests/health.yaml" in listing and "_test.yaml" not in listing and "/ci/" not in listing, listing
        assert "/README.md" in listing, listing
    assert CASES, "helm/pganalytics/ci has no cases"
    meta = yaml.safe_load((CHART / "Chart.yaml").read_text())
    images = {image["image"] for image in yaml.safe_load(meta["annotations"]["artifacthub.io/images"])}
    used = {container["image"] for _, pod in pods(tools.objects("prod")) for container in pod["containers"]}
    assert images == used, f"artifacthub.io/images has {images}, and the chart uses {used}"
    assert (ROOT / meta["icon"].split("/main/")[1]).exists(), f"{meta['icon']} does not exist"


def check_13_cluster_test(tools):
    """the chart accepts the values that the test on a real cluster installs and upgrades with"""
    folder = ROOT / "e2e" / "cluster" / "manifests"
    upgrades = [[], ["backend.config.maxRows=20000"], ["backend.replicas=5"], ["collector.enrolment.method=token"],
                ["collector.tls.enabled=true", "collector.tls.existingSecret=pganalytics-metrics-tls"]]
    for watched in ("discovery", "targets"):
        files = [CHART / "values-prod.yaml", folder / "values.yaml", folder / f"{watched}-values.yaml"]
        for settings in upgrades:
            run([tools.program("helm"), "template", "pganalytics", CHART, *[word for file in files for word in ("--values", file)],
                 *[word for setting in settings for word in ("--set", setting)]])
    return 2 * len(upgrades)


def check_14_test_pod_can_be_skipped(tools):
    """helm template --skip-tests renders no test pod, and nothing is a hook of any other kind, so that kubectl apply takes the result"""
    for case in EVERYTHING:
        objects = tools.objects(case, more=("--skip-tests",))
        hooks = [f"{case}: {thing['kind']}" for thing in objects if "helm.sh/hook" in (thing["metadata"].get("annotations") or {})]
        assert not hooks and not any(thing["kind"] == "Pod" for thing in objects), hooks
    return len(EVERYTHING)


UMBRELLA = """apiVersion: v2
name: platform
version: 1.0.0
dependencies:
  - {name: pganalytics, version: "*", repository: "", alias: stats, condition: stats.enabled}
"""
UMBRELLA_VALUES = """global:
  imageRegistry: registry.example.com
  imagePullSecrets: [regcred]
  storageClass: fast
  security: {allowInsecureImages: true}
  postgresql: {auth: {existingSecret: db}}
stats:
  enabled: true
  monitoring: {dashboards: {enabled: true}}
"""


def check_15_umbrella(tools):
    """the chart renders as a dependency with an alias, a condition, and global values of other charts"""
    with tempfile.TemporaryDirectory() as folder:
        umbrella = pathlib.Path(folder) / "platform"
        shutil.copytree(CHART, umbrella / "charts" / "pganalytics")
        (umbrella / "Chart.yaml").write_text(UMBRELLA)
        (umbrella / "values.yaml").write_text(UMBRELLA_VALUES)
        for helm in ("helm", "helm3"):
            objects = parse(run([tools.program(helm), "template", "prod", umbrella, "--namespace", NAMESPACE]))
            (stateful,) = [thing for thing in objects if thing["kind"] == "StatefulSet"]
            pod = stateful["spec"]["template"]["spec"]
            assert stateful["metadata"]["name"] == "prod-stats-backend", stateful["metadata"]["name"]
            assert pod["imagePullSecrets"] == [{"name": "regcred"}]
            assert pod["containers"][0]["image"].startswith("registry.example.com/pganalytics/backend:")
            assert stateful["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] == "fast"
            assert sum("dashboard" in thing["metadata"]["name"] for thing in objects) == 2
            assert not run([tools.program(helm), "template", "prod", umbrella, "--set", "stats.enabled=false"]).strip()
    return 2

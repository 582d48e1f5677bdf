"""Whether the documents are correct and the generated files are up to date."""

import base64
import functools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import yaml

import manifests
import values_reference
from chart import CHART, PROFILES, ROOT, parse, pods, run

DOCUMENT = ROOT / "kubernetes" / "KUBERNETES_DEPLOYMENT.md"
# The names of the manifests.
MANIFESTS = {
    "namespace.yaml", "backend-statefulset.yaml", "collector-daemonset.yaml", "backend-service.yaml", "collector-service.yaml", "ingress.yaml",
    "configmap-backend.yaml", "configmap-collector.yaml", "secret-tls.yaml", "secret-credentials.yaml", "rbac.yaml", "kustomization.yaml",
}  # fmt: skip


def blocks():
    """Fenced blocks: language, marks, text."""
    for match in re.finditer(r"^```(\w*) ?([^\n]*)\n(.*?)^```$", DOCUMENT.read_text(), flags=re.MULTILINE | re.DOTALL):
        yield match[1], dict(word.split("=", 1) for word in match[2].split()), match[3]


def check_01_manifests_are_fresh(tools):
    """kubernetes/*.yaml are up to date with the chart, and have the expected names"""
    fresh = manifests.files(tools)
    assert set(fresh) == MANIFESTS, f"{set(fresh) ^ MANIFESTS}"
    stale = [name for name, text in fresh.items() if not (ROOT / "kubernetes" / name).exists() or (ROOT / "kubernetes" / name).read_text() != text]
    assert not stale, f"stale: {', '.join(stale)}; run make generated and commit the result"
    return len(fresh)


def check_02_reference_is_fresh(tools):
    """HELM_VALUES_REFERENCE.md and the chart's README.md are up to date with values.yaml and the schema, and has at least 100 values"""
    text = values_reference.text()
    assert (ROOT / "kubernetes" / "HELM_VALUES_REFERENCE.md").read_text() == text, "stale: run make generated and commit the result"
    readme = values_reference.readme()
    assert (CHART / "README.md").read_text() == readme, "helm/pganalytics/README.md is stale: run make generated and commit the result"
    assert readme.count("\n| `") == text.count("\n| `") + 4, "the README lacks values"
    assert text.count("\n| `") >= 100


def check_03_static_commands_work(tools):
    """every command of the deployment document that needs no cluster works as written"""
    count = 0
    with tempfile.TemporaryDirectory() as scratch:
        environment = {"PATH": f"{tools.folder}/bin:{os.environ['PATH']}", "SCRATCH": scratch, "KUBECONFIG": "/dev/null"}
        for language, marks, text in blocks():
            if language != "sh":
                continue
            assert set(marks) in ({"test"}, {"needs"}), f"mark this block with test=static, test=cluster or needs=…:\n{text}"
            assert marks.get("test", "static") in ("static", "cluster"), marks
            run(["bash", "-n"], text=text)
            if marks.get("test") == "static":
                run(["bash", "-euo", "pipefail", "-c", text], env=environment)
            count += 1
    return count


def check_04_values_in_the_document_are_taken(tools):
    """the chart accepts all values in the deployment document, and every --set"""
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "mine.yaml"
        for language, marks, text in blocks():
            if "values-at" in marks:
                # An object of Argo CD or Flux, whose values lie over a profile.
                (thing,) = [document for document in parse(text) if document["kind"] in ("Application", "HelmRelease")]
                values = functools.reduce(lambda part, key: part[key], marks["values-at"].split("."), thing)
                file.write_text(yaml.safe_dump(values))
                run([tools.program("helm"), "template", "pganalytics", CHART, "--values", CHART / "values-prod.yaml", "--values", file])
                assert "values-prod.yaml" in text and (ROOT / "helm/pganalytics").is_dir() and "helm/pganalytics" in text
                count += 1
            elif "chart" in marks:
                # Dependencies of another chart, which helm reads.
                other = pathlib.Path(folder) / "other"
                other.mkdir()
                (other / "Chart.yaml").write_text("apiVersion: v2\nname: other\nversion: 1.0.0\n" + text.replace("file://../helm", f"file://{ROOT}/helm"))
                run([tools.program("helm"), "dependency", "update", other])
                assert "stats-backend" in run([tools.program("helm"), "template", "prod", other])
                count += 1
            elif "file" in marks:
                # A kustomization based on the manifests, after the files that it names.
                shutil.copytree(ROOT / "kubernetes", pathlib.Path(folder) / "kubernetes", dirs_exist_ok=True)
                beside = pathlib.Path(folder) / marks["file"]
                beside.parent.mkdir(exist_ok=True)
                beside.write_text(text)
                if beside.name == "kustomization.yaml":
                    built = run([tools.program("kustomize"), "build", beside.parent])
                    assert "ingressClassName: traefik" in built and "service.serverstransport: pganalytics-pganalytics-backend@kubernetescrd" in built
                count += 1
            elif language == "yaml":
                file.write_text(text)
                files = [word for f in PROFILES[marks["values"]] for word in ("--values", str(f))]
                run([tools.program("helm"), "template", "pganalytics", CHART, *files, "--values", file])
                count += 1
            for line in text.replace("\\\n", " ").splitlines() if language == "sh" else []:
                if re.match(r"helm (install|upgrade)\b", line) and "--set" in line:
                    sets = [word for match in re.findall(r"--set (\S+)", line) for word in ("--set", match)]
                    run([tools.program("helm"), "template", "pganalytics", CHART, *sets])
                    count += 1
    return count


def check_05_document_is_whole(tools):
    """the deployment document has at least 1,500 words, every chapter, and working links"""
    text = DOCUMENT.read_text()
    words = len(re.findall(r"\b[\w'-]+\b", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))
    assert words >= 1500, f"{words} words"
    for chapter in ("Prerequisites", "Quick Start", "Installation Verification", "Configuration", "Cloud Providers", "EKS", "GKE", "AKS", "Troubleshooting", "Upgrading", "Backup"):
        assert re.search(rf"^##+ {chapter}$", text, flags=re.MULTILINE), f"no chapter {chapter}"
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link.startswith("http") or (DOCUMENT.parent / link).exists(), f"{link} does not exist"


def check_06_secrets_have_placeholders(tools):
    """each key that a pod of the manifests reads is in a Secret with a placeholder, the scripts fill all keys, and the real backend refuses the placeholder by name"""
    secrets = {s["metadata"]["name"]: s for name in ("secret-credentials.yaml", "secret-tls.yaml") for s in parse((ROOT / "kubernetes" / name).read_text())}
    everything = parse(run([tools.program("kustomize"), "build", ROOT / "kubernetes"]))
    settings = "".join(text for thing in everything if thing["kind"] == "ConfigMap" for text in thing["data"].values())
    needed = set()
    for thing in everything:
        if thing["kind"] == "Ingress":
            needed |= {(entry["secretName"], key) for entry in thing["spec"]["tls"] for key in ("tls.crt", "tls.key")}
    for _, pod in pods(everything):
        mounted = {v["name"]: v["secret"] for v in pod.get("volumes", []) if "secret" in v}
        for container in pod.get("initContainers", []) + pod["containers"]:
            texts = settings + " ".join(str(e.get("value", "")) for e in container["env"])
            needed |= {(e["valueFrom"]["secretKeyRef"]["name"], e["valueFrom"]["secretKeyRef"]["key"]) for e in container["env"] if "secretKeyRef" in e.get("valueFrom", {})}
            for mount in container["volumeMounts"]:
                if mount["name"] in mounted:
                    secret = mounted[mount["name"]]
                    keys = set(re.findall(re.escape(mount["mountPath"]) + r"/([\w.-]+)", texts)) | {item["key"] for item in secret.get("items", [])}
                    assert keys, f"nothing reads {mount['mountPath']}"
                    needed |= {(secret["secretName"], key) for key in keys}
    assert len(needed) >= 8, needed
    for name, key in sorted(needed):
        assert secrets.get(name, {}).get("stringData", {}).get(key), f"the manifests' Secret {name} has no key {key}"
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = pathlib.Path(folder) / "tls.crt", pathlib.Path(folder) / "tls.key"
        certificate.write_text("certificate\n")
        key.write_text("key\n")
        filled = parse(run(["scripts/kubernetes-credentials.sh"], env={"DATABASE_PASSWORD": "a: b", "MONITOR_PASSWORD": "c"}))
        filled += parse(run(["scripts/kubernetes-certificates.sh", certificate, key]))
        values = {s["metadata"]["name"]: {k: base64.b64decode(v).decode() for k, v in s["data"].items()} for s in filled}
        assert {n: set(v) for n, v in values.items()} == {n: set(s["stringData"]) for n, s in secrets.items()}
        assert not any(manifests.PLACEHOLDER in v for s in values.values() for v in s.values())
        issued = pathlib.Path(folder) / "issued.crt"
        (pathlib.Path(folder) / "ca.crt").write_text(values["pganalytics-backend-tls"]["ca.crt"])
        issued.write_text(values["pganalytics-backend-tls"]["tls.crt"])
        run(["openssl", "verify", "-CAfile", f"{folder}/ca.crt", "-verify_hostname", "pganalytics-backend.pganalytics.svc", issued])
        # Fails by name.
        assert "is missing or empty" in run(["scripts/kubernetes-certificates.sh", f"{folder}/none", key], expect=1)
        binary = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "pganalytics"
        assert binary.exists(), f"{binary} does not exist: cargo build --workspace --bins --locked"
        placeholder = pathlib.Path(folder) / "placeholder"
        placeholder.write_text(manifests.PLACEHOLDER)
        serve = [binary, "serve", "--listen", "127.0.0.1:0", "--data", f"{folder}/data"]
        text = run([*serve, "--plain-http"], expect=1, env={"PGANALYTICS_ADMIN_PASSWORD_FILE": str(placeholder)})
        assert "PGANALYTICS_ADMIN_PASSWORD_FILE" in text and "password" in text, text
        text = run([*serve, "--tls-cert", placeholder, "--tls-key", placeholder], expect=1)
        assert str(placeholder) in text and "certificate" in text, text
    refused = subprocess.run(["scripts/kubernetes-credentials.sh"], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, check=False)
    assert refused.returncode != 0 and "set DATABASE_PASSWORD and MONITOR_PASSWORD" in refused.stderr, refused.stderr
    return len(needed)

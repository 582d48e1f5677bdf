"""Whether the rendered objects are safe and complete, and whether the binaries accept their configuration."""

import json
import os
import pathlib
import re
import subprocess
import tempfile

import promql_parser
import yaml

from chart import CHART, EVERYTHING, OPERATOR, PROFILES, ROOT, named, parse, pods, run
from wrong_values import WRONG, refuse

# The kinds of volumes that Pod Security "restricted" allows.
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def check_01_wrong_values_are_refused(tools):
    """the chart refuses wrong values with an error that names the value and the remedy"""
    for settings, words in WRONG:
        refuse(tools, settings, words)
    return len(WRONG)


def check_02_every_pod_is_restricted(tools):
    """every pod satisfies Pod Security "restricted", and has a read-only root, no unneeded token, requests, limits and probes"""
    count = 0
    for case in EVERYTHING:
        for thing, pod in pods(tools.objects(case)):
            where = f"{case}: {named(thing)}"
            context = pod["securityContext"]
            assert context["runAsNonRoot"] is True and context["runAsUser"] > 0, f"{where} runs as root"
            assert context["seccompProfile"]["type"] == "RuntimeDefault", f"{where} has no seccomp profile"
            assert pod["enableServiceLinks"] is False, f"{where} gets variables of Services"
            assert not any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")), f"{where} shares the host's namespaces"
            for volume in pod.get("volumes", []):
                assert set(volume) - {"name"} <= VOLUMES, f"{where} mounts {volume}"
            needs_token = thing["kind"] in ("Job", "DaemonSet")
            assert pod["automountServiceAccountToken"] is False or needs_token, f"{where} has a token it does not need"
            for token in (s["serviceAccountToken"] for v in pod.get("volumes", []) for s in v.get("projected", {}).get("sources", []) if "serviceAccountToken" in s):
                assert token["expirationSeconds"] <= 3600, f"{where} has a token that lives long"
                # Collectors present their tokens to the backends, and backends present theirs to the API server. No token has another audience.
                assert token.get("audience") == ("pganalytics-backend" if "collector" in named(thing) else None), f"{where} has a token for {token.get('audience')}"
            for container in pod.get("initContainers", []) + pod["containers"]:
                inner = f"{where}, {container['name']}"
                security = container["securityContext"]
                assert security["allowPrivilegeEscalation"] is False and security["capabilities"]["drop"] == ["ALL"], inner
                assert security["readOnlyRootFilesystem"] is True and not security.get("privileged"), inner
                assert set(container["resources"]) == {"requests", "limits"}, f"{inner} has no requests or limits"
                assert not any(port.get("hostPort") for port in container.get("ports", [])), f"{inner} has a port of the host"
                if thing["kind"] in ("StatefulSet", "Deployment", "DaemonSet") and container in pod["containers"]:
                    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                        assert probe in container, f"{inner} has no {probe}"
                    path = container["livenessProbe"].get("httpGet", {}).get("path", "/livez")
                    assert path == "/livez", f"{inner}: liveness is the process alone, not {path}"
                count += 1
    return count


def check_03_secrets_are_stable(tools):
    """two renderings are equal, templates call no random function, and only the development profile renders a Secret"""
    for case in EVERYTHING:
        text = tools.render(case)
        # Rendered again, as for an upgrade.
        assert parse(text) == parse(tools.render(case, more=(*OPERATOR, "--is-upgrade"))), f"{case}: two renderings differ"
        secrets = [named(thing) for thing in parse(text) if thing["kind"] == "Secret"]
        assert not secrets or case == "dev", f"{case}: {secrets}"
    for file in (CHART / "templates").rglob("*"):
        if file.is_file():
            words = re.findall(r"\b(?:rand(?:Alpha|AlphaNum|Ascii|Numeric|Bytes)|gen(?:CA|SelfSignedCert|SignedCert|PrivateKey)\w*|uuidv4|now|lookup|htpasswd|derivePassword)\b", re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.DOTALL)) if file.suffix != ".txt" else []
            assert not words, f"{file.name} uses {words}"
    return len(EVERYTHING)


def check_04_rights_are_narrow(tools):
    """rights are narrow: Secrets by name, no wildcard, no nodes, and in ClusterRoles only pods for collectors and TokenReview for backends"""
    count = 0
    for case in EVERYTHING:
        for thing in tools.objects(case):
            if thing["kind"] not in ("Role", "ClusterRole"):
                continue
            for rule in thing["rules"]:
                words = rule["apiGroups"] + rule["resources"] + rule["verbs"]
                assert "*" not in words and not any(w.startswith("nodes") for w in words), f"{case}: {named(thing)}: {rule}"
                if "secrets" in rule["resources"]:
                    assert thing["kind"] == "Role", f"{case}: {named(thing)} reads Secrets of the whole cluster"
                    assert rule["verbs"] == ["create"] or (rule["verbs"] == ["get"] and rule["resourceNames"]), f"{case}: {named(thing)}: {rule}"
                elif thing["kind"] == "ClusterRole":
                    wide = {"collector": ([""], ["pods"], ["list", "watch"]), "backend": (["authentication.k8s.io"], ["tokenreviews"], ["create"])}
                    component = thing["metadata"]["labels"]["app.kubernetes.io/component"]
                    assert (rule["apiGroups"], rule["resources"], rule["verbs"]) == wide[component], f"{case}: {named(thing)}: {rule}"
                count += 1
    return count


def check_05_every_pod_has_a_policy(tools):
    """if policies are enabled, each pod has the policy that denies everything and its own policy"""
    count = 0
    for case in EVERYTHING:
        objects = tools.objects(case)
        policies = [thing["spec"] for thing in objects if thing["kind"] == "NetworkPolicy"]
        if not policies:
            continue
        for thing in objects:
            labels = thing["metadata"].get("labels", {}) if thing["kind"] == "Pod" else thing.get("spec", {}).get("template", {}).get("metadata", {}).get("labels")
            if labels is None or thing["kind"] not in ("Pod", "StatefulSet", "Deployment", "DaemonSet", "Job"):
                continue
            fitting = [p for p in policies if p["podSelector"]["matchLabels"].items() <= labels.items()]
            directions = {d for p in fitting for d in p["policyTypes"]}
            assert len(fitting) >= 2 and directions == {"Ingress", "Egress"}, f"{case}: {named(thing)} has {len(fitting)} policies for {directions}"
            count += 1
    return count


def check_06_selectors_find_their_pods(tools):
    """each Service, budget and monitor selects pods, and only of its own component"""
    count = 0
    for case in EVERYTHING:
        objects = tools.objects(case)
        templates = {named(t): t["spec"]["template"]["metadata"]["labels"] for t in objects if t["kind"] in ("StatefulSet", "Deployment", "DaemonSet", "Job")}
        for thing in objects:
            if thing["kind"] == "Service":
                selector = thing["spec"]["selector"]
            elif thing["kind"] in ("PodDisruptionBudget", "PodMonitor"):
                selector = thing["spec"]["selector"]["matchLabels"]
            else:
                continue
            found = [name for name, labels in templates.items() if selector.items() <= labels.items()]
            assert found and not any("bootstrap" in name for name in found), f"{case}: {named(thing)} finds {found}"
            assert not ("backend" in named(thing) and any("collector" in name for name in found)), f"{case}: {named(thing)} finds {found}"
            count += 1
    return count


def check_07_figures_exist(tools):
    """each metric in alerts and dashboards exists in the binaries, and each query is valid PromQL"""
    known = set()
    for file, prefix in (("crates/server/src", "pganalytics_"), ("crates/collector/src", "pganalytics_collector_")):
        path = ROOT / file
        for source in [path] if path.is_file() else path.rglob("metrics.rs"):
            known |= {prefix + name for name in re.findall(r'"([a-z][a-z0-9_]+)"', source.read_text())}
    queries = [t["expr"] for case in EVERYTHING for o in tools.objects(case) if o["kind"] == "PrometheusRule" for g in o["spec"]["groups"] for t in g["rules"]]
    for file in (CHART / "dashboards").glob("*.json"):
        queries += [t["expr"].replace("$namespace", "x") for p in json.loads(file.read_text())["panels"] for t in p["targets"]]
    for query in set(queries):
        promql_parser.parse(query)
        for metric in re.findall(r"\bpganalytics_[a-z0-9_]+", query):
            base = re.sub(r"(_seconds|_bytes)?(_total|_bucket|_sum|_count)?$", "", metric)
            assert {base, metric, re.sub("_total$", "", metric)} & known, f"{metric} does not exist in the binaries: {query}"
    return len(set(queries))


def check_08_every_value_is_used(tools):
    """a template uses each value of values.yaml"""
    templates = "\n".join(file.read_text() for file in (CHART / "templates").rglob("*") if file.is_file())
    unused = []

    def walk(value, path):
        if isinstance(value, dict) and value and path[-1:] not in (["resources"], ["podSecurityContext"], ["containerSecurityContext"], ["behavior"], ["updateStrategy"], ["startup"], ["readiness"], ["liveness"], ["nodeSelector"], ["keys"]):
            for key, item in value.items():
                walk(item, [*path, key])
        elif not re.search(rf"\.{re.escape(path[-1])}\b|\"{re.escape(path[-1])}\"", templates):
            unused.append(".".join(path))

    values = yaml.safe_load((CHART / "values.yaml").read_text())
    # A condition of charts that depend on this one.
    del values["enabled"]
    walk(values, [])
    # pganalytics.probes reads these by the probe's name.
    unused = [path for path in unused if ".probes." not in path]
    assert not unused, f"no template uses {', '.join(unused)}"


def check_09_binaries_take_the_configuration(tools):
    """the real binaries accept the configuration of every profile and case"""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
    backend, collector = target / "pganalytics", target / "pganalytics-collector"
    for binary in (backend, collector):
        assert binary.exists(), f"{binary} does not exist: cargo build --workspace --bins --locked"
    count = 0
    for case in EVERYTHING:
        for thing in tools.objects(case):
            if thing["kind"] != "ConfigMap":
                continue
            for name, text in thing["data"].items():
                if name not in ("backend.toml", "collector.toml"):
                    continue
                with tempfile.TemporaryDirectory() as folder:
                    # Moves the files that the configuration names into a temporary folder, with some content.
                    text = text.replace("/etc/pganalytics", f"{folder}/etc").replace("/var/lib", f"{folder}/var")
                    for path in re.findall(rf"{folder}/etc/[\w./-]+", text):
                        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
                        if path.endswith("/views"):
                            pathlib.Path(path).mkdir(exist_ok=True)
                        else:
                            pathlib.Path(path).write_text("redis://cache.invalid\n" if path.endswith("/url") else "postgresql://u@db.invalid/x\n" if path.endswith("/uri") else "[orders]\nhost=orders.invalid\n[billing]\nhost=billing.invalid\n" if path.endswith(".conf") else "secret\n")
                    (pathlib.Path(folder) / "pg_service.conf").write_text("[orders]\nhost=127.0.0.1\nport=1\n[billing]\nhost=127.0.0.1\nport=1\n")
                    file = pathlib.Path(folder) / name
                    file.write_text(text)
                    environment = {"PGSERVICEFILE": f"{folder}/pg_service.conf", "PGANALYTICS_KUBERNETES_NODE": "node", "PGUSER": "monitor", "PGCONNECT_TIMEOUT": "2"}
                    if name == "backend.toml":
                        answer = run([backend, "doctor", "--backend-config", file, "--listen", "127.0.0.1:0"], expect=None, env=environment)
                        assert "ok    settings" in answer, f"{case}: {answer}"
                    else:
                        # With an invalid configuration the collector exits with 2 before it tries to connect.
                        with_local = re.sub(r'^url = ".*"', 'url = "http://127.0.0.1:1"', text, flags=re.MULTILINE)
                        with_local = re.sub(r"host=\S+?(?=[ \"])", "host=127.0.0.1 port=1", with_local)
                        file.write_text(re.sub(r'^(ca|cert|key)_file = .*\n', "", with_local, flags=re.MULTILINE))
                        done = subprocess.run([collector, "doctor", "--config", file, "--listen", "off"], capture_output=True, text=True, env={**os.environ, **environment}, timeout=120, check=False)
                        assert done.returncode in (0, 1), f"{case}: {done.returncode}: {done.stdout}{done.stderr}"
                count += 1
    return count


def check_10_binaries_know_their_commands(tools):
    """the real binaries have every command and flag in the pods' arguments"""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
    seen = set()
    for case in EVERYTHING:
        for _, pod in pods(tools.objects(case)):
            for container in pod.get("initContainers", []) + pod["containers"]:
                binary = "pganalytics-collector" if container["name"] == "collector" else "pganalytics"
                seen.add((binary, *container.get("args", [])))
    for command in sorted(seen):
        binary = target / command[0]
        assert binary.exists(), f"{binary} does not exist: cargo build --workspace --bins --locked"
        # --help runs nothing. Each flag must be in the help text.
        text = run([binary, *[word for word in command[1:] if not word.startswith("--") and "=" not in word][:2 if command[1] == "kubernetes" else 1], "--help"])
        for flag in (word for word in command[1:] if word.startswith("--")):
            assert flag in text, f"{' '.join(command)}: the help text has no {flag}"
    return len(seen)


def check_11_prod_needs_no_operator(tools):
    """without the Prometheus operator, the production profile renders only kinds of Kubernetes, traefik and the chart's own Secrets"""
    kinds = {thing["apiVersion"].split("/")[0] for thing in tools.objects("prod", more=())}
    allowed = {"v1", "apps", "batch", "policy", "networking.k8s.io", "rbac.authorization.k8s.io", "traefik.io"}
    assert kinds <= allowed, f"{kinds - allowed} need custom resource definitions"
    assert any(thing["kind"] == "ServiceMonitor" for thing in tools.objects("prod")), "auto renders no ServiceMonitor where the cluster serves the kind"
    assert not any("monitoring-secret" in word for thing, pod in pods(tools.objects("prod", more=())) for c in pod["containers"] for word in c.get("args", [])), "the Job creates a token that nothing uses"


def check_12_openshift_assigns_users(tools):
    """on OpenShift no pod names a user or a group, and every other setting of the security contexts stays"""
    count = 0
    for case in EVERYTHING:
        for more in ((*OPERATOR, "--api-versions", "security.openshift.io/v1"), (*OPERATOR, "--set", "openshift=true")):
            plain = dict((named(thing), pod) for thing, pod in pods(tools.objects(case)) if thing["kind"] != "Job")
            for thing, pod in pods(tools.objects(case, more=more)):
                contexts = [pod["securityContext"], *(c["securityContext"] for c in pod.get("initContainers", []) + pod["containers"])]
                assert not any(key in context for context in contexts for key in ("runAsUser", "runAsGroup", "fsGroup")), f"{case}: {named(thing)}: {contexts}"
                assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["seccompProfile"], f"{case}: {named(thing)}"
                if named(thing) in plain:
                    assert pod["containers"][0]["securityContext"] == plain[named(thing)]["containers"][0]["securityContext"], f"{case}: {named(thing)}"
                count += 1
    return count


# Settings of the backends' pods that every pod with the backend's image has.
SETTINGS = """
backend:
  priorityClassName: high
  runtimeClassName: gvisor
  nodeSelector: {disk: ssd}
  tolerations: [{operator: Exists}]
  affinity: {nodeAffinity: {}}
  podLabels: {team: a}
  podAnnotations: {sidecar.istio.io/inject: "false"}
  extraEnv: [{name: PORT, value: 8080}, {name: LARGE, value: 10000000}, {name: "ON", value: true}, {name: HTTPS_PROXY, value: "http://proxy:3128"}]
  extraEnvFrom: [{configMapRef: {name: more}}]
imagePullSecrets: [login]
"""


def check_13_pods_are_alike(tools):
    """the backends, the bootstrap Job and the test pod have the same scheduling, labels, annotations and environment variables"""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(SETTINGS)
        file.flush()
        found = {thing["kind"]: (thing, pod) for thing, pod in pods(tools.objects(more=("--values", file.name)))}
    assert set(found) == {"StatefulSet", "Job", "Pod"}, set(found)
    for kind, (thing, pod) in found.items():
        metadata = thing["metadata"] if kind == "Pod" else thing["spec"]["template"]["metadata"]
        assert metadata["labels"]["team"] == "a" and metadata["annotations"]["sidecar.istio.io/inject"] == "false", f"{kind}: {metadata}"
        for key, value in (("priorityClassName", "high"), ("runtimeClassName", "gvisor"), ("nodeSelector", {"disk": "ssd"}), ("tolerations", [{"operator": "Exists"}]),
                           ("affinity", {"nodeAffinity": {}}), ("imagePullSecrets", [{"name": "login"}]), ("enableServiceLinks", False)):
            assert pod.get(key) == value, f"{kind}: {key} is {pod.get(key)}"
        for container in pod.get("initContainers", []) + pod["containers"]:
            env = {e["name"]: e.get("value") for e in container["env"]}
            assert env["PORT"] == "8080" and env["LARGE"] == "10000000" and env["ON"] == "true" and env["HTTPS_PROXY"] == "http://proxy:3128", f"{kind}: {env}"
            assert {"configMapRef": {"name": "more"}} in container["envFrom"], kind
    return len(found)


def check_14_profiles_name_no_region(tools):
    """no profile names a region, an account's store or another place that a user's own values would have to override key by key"""
    for profile, files in PROFILES.items():
        for file in files:
            values = yaml.safe_load(file.read_text())
            assert "env" not in values.get("store", {}), f"{profile} sets store.env: {values['store']['env']}"
            regions = re.findall(r"\b(?:us|eu|ap|sa|ca|me|af)-(?:central|north|south|east|west|northeast|southeast|northwest|southwest)-?[0-9]\b", file.read_text())
            assert not regions, f"{profile} names {regions}"

"""What all scenarios share: names, passwords, addresses, and the notes for the report."""

from __future__ import annotations

import secrets
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from .api import Api
from .kubernetes import Wrong, get, secret_value
from .ledger import Database, Ledger

RELEASE = "pganalytics"
NAMESPACE = "pganalytics"
SERVICES = "services"
DATABASES = "databases"
HOST = "pganalytics.test"
NODE_PORT = 30080
BACKENDS = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=backend"
COLLECTORS = f"app.kubernetes.io/instance={RELEASE},pganalytics.io/collector=true"
CHECKOUT = Path(__file__).resolve().parents[2]
MANIFESTS = CHECKOUT / "e2e/cluster/manifests"


def password() -> str:
    """A new password, without characters that a URL or a shell interprets."""
    return secrets.token_hex(16)


@dataclass
class World:
    """The state of a run."""

    folder: Path
    chart: Path
    image_prefix: str
    discovery: bool
    database_password: str = field(default_factory=password)
    superuser_password: str = field(default_factory=password)
    monitor_password: str = field(default_factory=password)
    s3_secret_key: str = field(default_factory=password)
    notes: list[str] = field(default_factory=list)
    ledger: Ledger | None = None
    _api: Api | None = None

    def note(self, text: str) -> None:
        """Adds a fact to the report of the running scenario."""
        self.notes.append(text)

    @property
    def node_address(self) -> str:
        """The address of the first node."""
        addresses = get("default", "nodes")["items"][0]["status"]["addresses"]
        return next(entry["address"] for entry in addresses if entry["type"] == "InternalIP")

    @property
    def collectors(self) -> int:
        """The expected number of collectors: one per node with discovery, or one for all named servers."""
        return len(get("default", "nodes")["items"]) if self.discovery else 1

    @property
    def authority(self) -> Path:
        """The authority that signs the certificates of this run."""
        return self.folder / "ca.crt"

    @property
    def api(self) -> Api:
        """The API through the ingress controller, signed in."""
        if self._api is None:
            api = Api(f"https://{HOST}", address=self.node_address, authority=self.authority)
            api.log_in(secret_value(NAMESPACE, f"{RELEASE}-admin", "password"))
            self._api = api
        return self._api

    def cluster_ip(self, namespace: str, service: str) -> str:
        """A Service's address."""
        return get(namespace, "service", service)["spec"]["clusterIP"]

    def target(self, name: str) -> Database:
        """A watched server."""
        return Database(self.cluster_ip(DATABASES, {"orders": "orders-rw"}.get(name, name)), "postgres", self.superuser_password)

    def meta_store(self) -> Database:
        """The database of the backends."""
        return Database(self.cluster_ip(SERVICES, "database"), "postgres", self.superuser_password)

    def server(self, name: str) -> str:
        """The name of a watched server in pgAnalytics."""
        found = [row[0] for row in self.api.sql("select server from pganalytics_fleet") if name in row[0]]
        if len(found) != 1:
            raise Wrong(f"{len(found)} servers in pgAnalytics have {name} in their names, not 1")
        return found[0]

    def make_authority(self) -> None:
        """Makes the authority of this run."""
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=cluster test",
                "-addext", "keyUsage=critical,keyCertSign", "-keyout", str(self.folder / "ca.key"), "-out", str(self.authority))

    def make_revocations(self, file: Path) -> None:
        """Makes an empty revocation list of the authority."""
        (self.folder / "revoked").touch()
        config = self.folder / "authority.cnf"
        config.write_text(f"[ca]\ndefault_ca = own\n[own]\ndatabase = {self.folder / 'revoked'}\ndefault_md = sha256\n")
        openssl("ca", "-config", str(config), "-gencrl", "-crldays", "30", "-cert", str(self.authority), "-keyfile", str(self.folder / "ca.key"),
                "-out", str(file))

    def make_certificate(self, name: str, host: str, days: int = 30) -> tuple[Path, Path]:
        """A certificate for a host, signed by the authority, and its key."""
        key, request, certificate = (self.folder / f"{name}.{ending}" for ending in ("key", "csr", "crt"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName=DNS:{host}\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", str(key),
                "-out", str(request))
        openssl("x509", "-req", "-in", str(request), "-CA", str(self.authority), "-CAkey", str(self.folder / "ca.key"), "-CAcreateserial",
                "-days", str(days), "-extfile", str(extensions), "-out", str(certificate))
        return certificate, key


def openssl(*arguments: str) -> None:
    """Runs openssl."""
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Wrong(f"openssl {arguments[0]}: {done.stderr}")

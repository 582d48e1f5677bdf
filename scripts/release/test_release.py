"""The promises of a release: one tag serves both architectures, the chart in the registry names images that are there, the checksums hold, and the
workflows are valid. A registry runs on this machine; the programs in the images are small stand-ins, since no test runs them."""

import io
import json
import os
import re
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(CHECKOUT / "scripts/image")]

import changelog  # noqa: E402
import layout  # noqa: E402
import oci  # noqa: E402

VERSION = "9.9.9"
PATIENCE_S = 60


def run(*command: str | Path, **environment: str) -> str:
    """What a command prints. A failure shows its errors."""
    done = subprocess.run(list(map(str, command)), cwd=CHECKOUT, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def archive(folder: Path, image: str, architecture: str) -> Path:
    """An image as scripts/image/image.sh writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / f"{image}-program"
    program.write_text(f"{image} {architecture}")
    program.chmod(0o755)
    name = f"ghcr.io/pganalytics/{image}:{VERSION}"
    oci.write(oci.Image(name=name, files=[(program, f"/usr/bin/{image}")], entrypoint=[f"/usr/bin/{image}"], architecture=architecture), folder / f"{image}.tar")
    return folder / f"{image}.tar"


class Layout(unittest.TestCase):
    """scripts/release/layout.py."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_one_index_lists_each_architecture_once(self) -> None:
        archives = [archive(self.folder / name, "backend", name) for name in ("arm64", "amd64")]
        layout.join(archives, self.folder / "joined")
        index = json.loads((self.folder / "joined/index.json").read_text())
        self.assertEqual([entry["platform"]["architecture"] for entry in index["manifests"]], ["amd64", "arm64"])
        for entry in index["manifests"]:
            self.assertTrue((self.folder / "joined/blobs/sha256" / entry["digest"].removeprefix("sha256:")).is_file())

    def test_the_order_of_the_archives_does_not_change_the_digest(self) -> None:
        archives = [archive(self.folder / name, "backend", name) for name in ("arm64", "amd64")]
        self.assertEqual(layout.join(archives, self.folder / "a"), layout.join(archives[::-1], self.folder / "b"))

    def test_two_archives_of_one_architecture_are_refused(self) -> None:
        archives = [archive(self.folder / name, "backend", "amd64") for name in ("one", "two")]
        with self.assertRaisesRegex(SystemExit, "second image for linux/amd64"):
            layout.join(archives, self.folder / "joined")
        self.assertFalse((self.folder / "joined").exists())

    def test_a_damaged_archive_is_refused(self) -> None:
        whole, damaged = archive(self.folder, "backend", "amd64"), self.folder / "damaged.tar"
        with tarfile.open(whole) as tar, tarfile.open(damaged, "w") as out:
            for member in tar.getmembers():
                data = tar.extractfile(member).read()
                if member.name.startswith("blobs/"):
                    data = data[:-1] + b"?"
                info = tarfile.TarInfo(member.name)
                info.size = len(data)
                out.addfile(info, io.BytesIO(data))
        with self.assertRaisesRegex(SystemExit, "is damaged"):
            layout.join([damaged], self.folder / "joined")


class Changelog(unittest.TestCase):
    """scripts/release/changelog.py."""

    TEXT = "# Changelog\n\n## [Unreleased]\n\n- New.\n\n## [0.1.0] - 2026-01-01\n\n- First.\n"

    def test_the_notes_are_the_versions_own_section(self) -> None:
        self.assertEqual(changelog.notes(self.TEXT, "0.1.0"), "- First.")
        self.assertEqual(changelog.notes(self.TEXT, "0.2.0"), "- New.")

    def test_a_cut_keeps_everything_and_leaves_an_empty_section(self) -> None:
        text = changelog.cut(self.TEXT, "0.2.0", "2026-12-01")
        self.assertEqual(changelog.sections(text), {"Unreleased": "", "0.2.0": "- New.", "0.1.0": "- First."})

    def test_a_second_cut_of_a_version_and_a_cut_of_nothing_are_refused(self) -> None:
        with self.assertRaisesRegex(SystemExit, "already"):
            changelog.cut(self.TEXT, "0.1.0", "2026-12-01")
        with self.assertRaisesRegex(SystemExit, "nothing under"):
            changelog.cut(changelog.cut(self.TEXT, "0.2.0", "2026-12-01"), "0.3.0", "2026-12-02")

    def test_our_own_changelog_can_be_cut(self) -> None:
        self.assertIn(VERSION, changelog.cut(changelog.CHANGELOG.read_text(), VERSION, "2026-12-01"))


class Workflows(unittest.TestCase):
    """.github/workflows."""

    def test_actionlint_finds_nothing(self) -> None:
        run(Path(run("scripts/release/tools.sh").strip()) / "actionlint", *sorted(CHECKOUT.glob(".github/workflows/*.yml")))

    def test_every_action_is_pinned_to_a_commit(self) -> None:
        for file in CHECKOUT.glob(".github/workflows/*.yml"):
            for used in re.findall(r"uses: *(\S+)", file.read_text()):
                self.assertRegex(used, r"@[0-9a-f]{40}$", file.name)


class Registry(unittest.TestCase):
    """scripts/release.sh join and push, against a registry on this machine."""

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.target = Path(folder.name)
        cls.crane = Path(run("scripts/release/tools.sh").strip()) / "crane"
        cls.helm = run("scripts/chart/tools.sh", "helm").strip()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            cls.host = f"127.0.0.1:{free.getsockname()[1]}"
        registry = subprocess.Popen([cls.crane, "registry", "serve", "--address", cls.host], stderr=subprocess.DEVNULL)
        cls.addClassCleanup(registry.wait)
        cls.addClassCleanup(registry.terminate)
        until = time.monotonic() + PATIENCE_S
        while subprocess.run([cls.crane, "catalog", "--insecure", cls.host], capture_output=True, check=False).returncode:
            if time.monotonic() > until:
                raise AssertionError("the registry does not answer")
            time.sleep(0.1)

        parts = cls.target / "release-parts"
        for architecture in ("amd64", "arm64"):
            for image in ("backend", "collector"):
                archive(parts / architecture, image, architecture)
            (parts / architecture / f"pganalytics-{VERSION}-linux-{architecture}.tar.gz").write_bytes(architecture.encode())
            (parts / architecture / f"backend-{VERSION}-linux-{architecture}.cdx.json").write_text("{}")
        cls.environment = {"CARGO_TARGET_DIR": str(cls.target), "VERSION": VERSION, "PLAIN_HTTP": "1"}
        run("scripts/release.sh", "join", parts / "amd64", parts / "arm64", **cls.environment)
        cls.release = cls.target / f"release-{VERSION}"
        run("scripts/release.sh", "push", f"{cls.host}/pganalytics", **cls.environment)

    def test_a_tag_serves_both_architectures_and_has_the_promised_digest(self) -> None:
        for image in ("backend", "collector"):
            name = f"{self.host}/pganalytics/{image}:{VERSION}"
            promised = (self.release / f"images/{image}.digest").read_text().strip()
            self.assertEqual(run(self.crane, "digest", "--insecure", name).strip(), promised)
            for architecture in ("amd64", "arm64"):
                configured = json.loads(run(self.crane, "config", "--insecure", "--platform", f"linux/{architecture}", name))
                self.assertEqual((configured["architecture"], configured["config"]["Entrypoint"]), (architecture, [f"/usr/bin/{image}"]))

    def test_the_chart_of_the_registry_names_images_of_the_registry(self) -> None:
        chart = f"oci://{self.host}/pganalytics/charts/pganalytics"
        registry = ("--version", VERSION, "--plain-http", "--set", f"global.imageRegistry={self.host}")
        collectors = ("--values", "helm/pganalytics/ci/collectors-beside-values.yaml")
        rendered = "".join(run(self.helm, "template", "pganalytics", chart, *registry, *values) for values in ((), collectors))
        images = {found.strip('"') for found in re.findall(r"image: *(\S+)", rendered)}
        self.assertEqual(images, {f"{self.host}/pganalytics/{image}:{VERSION}" for image in ("backend", "collector")})
        for image in images:
            run(self.crane, "manifest", "--insecure", image)

    def test_the_checksums_cover_every_file(self) -> None:
        run("sh", "-c", f"cd '{self.release}' && sha256sum --check --strict --quiet SHA256SUMS")
        named = {line.split()[1] for line in (self.release / "SHA256SUMS").read_text().splitlines()}
        self.assertEqual(named, {file.name for file in self.release.iterdir() if file.is_file()} - {"SHA256SUMS"})
        self.assertIn(f"pganalytics-{VERSION}.tgz", named)
        self.assertIn(f"pganalytics-{VERSION}-linux-arm64.tar.gz", named)

    def test_a_release_that_was_not_joined_is_not_pushed(self) -> None:
        with self.assertRaisesRegex(AssertionError, "run scripts/release.sh join first"):
            run("scripts/release.sh", "push", f"{self.host}/pganalytics", **{**self.environment, "VERSION": "8.8.8"})


if __name__ == "__main__":
    unittest.main()

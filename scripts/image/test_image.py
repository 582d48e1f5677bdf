"""The promises of the images: the same input gives the same digest, on any machine, at any time and in any order of files; root owns every file; and the
Dockerfile describes the same images as `make image`."""

import gzip
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
sys.path.insert(0, str(HERE))

import oci  # noqa: E402
import sbom  # noqa: E402


def read(archive: Path) -> dict[str, bytes]:
    """The members of a tar file."""
    with tarfile.open(archive) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar.getmembers() if member.isfile()}


def parts(archive: Path) -> tuple[dict, dict, tarfile.TarFile]:
    """Configuration, manifest and layer of an image."""
    members = read(archive)
    blob = lambda digest: members["blobs/sha256/" + digest.removeprefix("sha256:")]  # noqa: E731
    manifest = json.loads(blob(json.loads(members["index.json"])["manifests"][0]["digest"]))
    layer = gzip.decompress(blob(manifest["layers"][0]["digest"]))
    return json.loads(blob(manifest["config"]["digest"])), manifest, tarfile.open(fileobj=io.BytesIO(layer))


class Archive(unittest.TestCase):
    """scripts/image/oci.py."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def image(self, name: str, times: int, umask: int, order: list[str]) -> Path:
        """An image of a program and a folder, made with these times, umask and order of files."""
        source = self.folder / name
        before = os.umask(umask)
        try:
            for file in order:
                (source / "share" / file).parent.mkdir(parents=True, exist_ok=True)
                (source / "share" / file).write_text(file)
                os.utime(source / "share" / file, (times, times))
            (source / "program").write_text("#!/bin/true\n")
            (source / "program").chmod(0o700)
        finally:
            os.umask(before)
        image = oci.Image(name="registry.example.com/x/y:1", files=[(source / "program", "/usr/bin/program"), (source / "share", "/share")],
                          shared_folders=["/tmp"], entrypoint=["/usr/bin/program"], labels={"b": "2", "a": "1"})
        oci.write(image, self.folder / f"{name}.tar")
        return self.folder / f"{name}.tar"

    def test_the_same_input_gives_the_same_bytes(self) -> None:
        one = self.image("one", 1, 0o022, ["a", "b", "deep/c"])
        other = self.image("other", 1_000_000_000, 0o077, ["deep/c", "b", "a"])
        self.assertEqual(one.read_bytes(), other.read_bytes())

    def test_other_input_gives_another_digest(self) -> None:
        one = self.image("one", 1, 0o022, ["a"])
        other = self.image("other", 1, 0o022, ["b"])
        self.assertNotEqual(parts(one)[1], parts(other)[1])

    def test_every_blob_has_the_digest_of_its_name(self) -> None:
        members = read(self.image("one", 1, 0o022, ["a"]))
        blobs = {name: data for name, data in members.items() if name.startswith("blobs/")}
        self.assertEqual(len(blobs), 3)
        for name, data in blobs.items():
            self.assertEqual("blobs/sha256/" + oci.digest(data).removeprefix("sha256:"), name)

    def test_root_owns_everything_and_other_users_may_write_only_to_shared_folders(self) -> None:
        configuration, _, layer = parts(self.image("one", 1, 0o077, ["a", "deep/c"]))
        self.assertEqual(configuration["config"]["User"], "65532:65532")
        for member in layer.getmembers():
            self.assertEqual((member.uid, member.gid, member.mtime), (0, 0, 0), member.name)
            self.assertEqual(member.mode, 0o1777 if member.name == "tmp" else 0o755 if member.isdir() or "bin" in member.name else 0o644, member.name)

    def test_folders_come_before_their_files(self) -> None:
        names = [member.name for member in parts(self.image("one", 1, 0o022, ["deep/c"]))[2].getmembers()]
        for name in names:
            parent = str(Path(name).parent)
            self.assertTrue(parent == "." or names.index(parent) < names.index(name), name)

    def test_a_missing_file_is_named(self) -> None:
        with self.assertRaisesRegex(SystemExit, "nowhere/program is no file and no folder: build it first"):
            oci.write(oci.Image(name="x:1", files=[(Path("nowhere/program"), "/program")]), self.folder / "x.tar")
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_path_out_of_the_image_is_refused(self) -> None:
        with self.assertRaisesRegex(SystemExit, "has no .."):
            oci.absolute("/usr/../../etc")


class Bom(unittest.TestCase):
    """scripts/image/sbom.py."""

    def test_it_names_exactly_the_crates_of_the_program_with_licences_and_checksums(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            made = []
            for name in ("one", "other"):
                file = Path(folder) / name
                subprocess.run([sys.executable, HERE / "sbom.py", "--package", "pganalytics-collector", "--target", "x86_64-unknown-linux-musl",
                                "--output", file], check=True)
                made.append(file.read_text())
        self.assertEqual(made[0], made[1])
        document = json.loads(made[0])
        by_name = {component["name"]: component for component in document["components"]}
        self.assertEqual(document["metadata"]["component"]["name"], "pganalytics-collector")
        self.assertIn("hashes", by_name["tokio"])
        self.assertEqual(by_name["tokio"]["licenses"], [{"expression": "MIT"}])
        # Crates of tests, of another platform, and of the backend.
        for absent in ("proptest", "windows-sys", "datafusion"):
            self.assertNotIn(absent, by_name)

    def test_an_unknown_package_is_named(self) -> None:
        with self.assertRaisesRegex(SystemExit, "no package nonsense"):
            sbom.document("nonsense", {"packages": [], "resolve": {"nodes": []}}, {})


class SameImages(unittest.TestCase):
    """The Dockerfile describes the same images as image.sh."""

    def test_labels_user_entry_point_and_version_are_the_same(self) -> None:
        docker = (CHECKOUT / "Dockerfile").read_text()
        script = (HERE / "image.sh").read_text()
        version = re.search(r'\[workspace\.package\]\nversion = "(.+)"', (CHECKOUT / "Cargo.toml").read_text()).group(1)
        labels = set(re.findall(r"--label \"?([a-z.]+)=", script)) - {"io.pganalytics.sbom.sha"}
        for target, program in (("collector", "pganalytics-collector"), ("backend", "pganalytics")):
            stage = docker.split(f"FROM scratch AS {target}\n")[1].split("FROM scratch")[0]
            self.assertEqual(set(re.findall(r"([a-z.]+)=\"", stage)), labels)
            self.assertIn('USER 65532:65532\n', stage)
            self.assertIn(f'ENTRYPOINT ["/usr/bin/{program}"]', stage)
            self.assertIn(f"ARG VERSION={version}\n", stage)


if __name__ == "__main__":
    unittest.main()

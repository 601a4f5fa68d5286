"""The chart: what helm says of it, that another chart can use it, and that it is the manifests' twin."""

from __future__ import annotations

import re
import shutil
import tomllib
from typing import TYPE_CHECKING, Any, Final

import kubernetes_validate
import pytest
import yaml
from cluster import CHART, MANIFESTS, MISSING, PROGRAMS, Refused, carried, helm, kustomize, of_kind, template

import sidecar

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(PROGRAMS is None, reason=MISSING)

APP: Final = "--set=app.enabled=true,app.image=your-app:1.0.0"


def values() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    return found


def test_helm_has_nothing_to_say_against_it() -> None:
    said = helm("lint", "--strict", str(CHART))
    assert "1 chart(s) linted, 0 chart(s) failed" in said
    assert "WARNING" not in said


def test_the_same_values_give_the_same_objects_to_the_byte() -> None:
    first = helm("template", "app", str(CHART), APP, "--set=podMonitor.enabled=true,networkPolicy.enabled=true")
    assert first == helm("template", "app", str(CHART), APP, "--set=podMonitor.enabled=true,networkPolicy.enabled=true")


def test_by_itself_it_makes_its_configuration_and_nothing_else() -> None:
    assert [one["kind"] for one in template(CHART)] == ["ConfigMap"]


@pytest.mark.parametrize(
    "option",
    [
        "--set=app.enabled=true",  # without an image
        "--set=nonsense=1",
        "--set=ports.admin=70000",
        "--set=image.digest=latest",
        "--set=config=",
        "--set=secretName=Not_A_Name",
        "--set=podMonitor.interval=often",
    ],
)
def test_values_that_cannot_work_are_refused_before_anything_is_installed(option: str) -> None:
    with pytest.raises(Refused, match="don't meet the specifications of the schema"):
        template(CHART, option)


@pytest.mark.parametrize(
    ("options", "image"),
    [
        ([], f"finhub-sidecar:{sidecar.__version__}"),
        (["--set-string=image.tag=9"], "finhub-sidecar:9"),
        (["--set-string=image.tag=9", f"--set=image.digest=sha256:{64 * 'a'}"], f"finhub-sidecar@sha256:{64 * 'a'}"),
    ],
)
def test_a_digest_wins_over_a_tag_and_a_tag_over_the_version(options: list[str], image: str) -> None:
    assert carried(template(CHART, APP, *options)).container["image"] == image


def test_its_version_is_the_programs() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert chart["version"] == chart["appVersion"] == sidecar.__version__


def test_its_sidecar_is_the_manifests_but_for_what_helm_can_choose() -> None:
    ours, theirs = carried(template(CHART, APP)), carried(kustomize(MANIFESTS / "examples" / "deployment"))
    chosen = {"env", "imagePullPolicy"}
    assert {key: value for key, value in ours.container.items() if key not in chosen} == theirs.container
    assert ours.pod["securityContext"] == theirs.pod["securityContext"]
    one, other = (tomllib.loads(each.file("/etc/finhub-sidecar/sidecar.toml")) for each in (ours, theirs))
    del other["admin"], other["listen"]["address"]  # told by variables, from the chart's ports
    assert one == other


def test_another_configuration_rolls_the_pods() -> None:
    def annotations(*more: str) -> Any:
        (workload,) = of_kind("Deployment", template(CHART, APP, *more))
        return workload["spec"]["template"]["metadata"]["annotations"]

    assert annotations() != annotations('--set=config=environment = "playground"')


def test_another_chart_includes_it_as_its_page_shows(tmp_path: Path) -> None:
    page = (CHART / "README.md").read_text("utf-8")
    pod, parent = (
        re.findall(rf"<!-- {mark} -->\n```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0]
        for mark in ("template: pod", "values: parent")
    )
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "app.yaml").write_text(pod)
    (tmp_path / "values.yaml").write_text(parent)
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: mine\nversion: 1.0.0\n")
    shutil.copytree(CHART, tmp_path / "charts" / "finhub-sidecar")
    objects = template(tmp_path)
    assert sorted(one["kind"] for one in objects) == ["ConfigMap", "Deployment", "PodMonitor"]
    one = carried(objects)
    assert one.native
    assert one.container["image"] == f"registry.example.com/finhub-sidecar:{sidecar.__version__}"
    assert one.file("/etc/finhub-sidecar/sidecar.toml") == values()["config"]
    assert one.others[0]["env"] == [{"name": "FINHUB_BASE_URL", "value": "http://127.0.0.1:8080"}]
    (workload,), (monitor,) = of_kind("Deployment", objects), of_kind("PodMonitor", objects)
    kubernetes_validate.validate(workload, "1.29", strict=True)
    labels = workload["spec"]["template"]["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_every_value_stands_in_the_page_and_in_the_schema() -> None:
    page, schema = (CHART / "README.md").read_text("utf-8"), (CHART / "values.schema.json").read_text("utf-8")
    table = "\n".join(line for line in page.splitlines() if line.startswith("|"))
    for name, value in values().items():
        assert f"`{name}" in table
        assert f'"{name}":' in schema
        if isinstance(value, dict) and name != "resources":
            missing = [key for key in value if f".{key}`" not in table or f'"{key}":' not in schema]
            assert (name, missing) == (name, [])

"""What is shipped for Kubernetes is valid there, and names nothing that the program does not have."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import kubernetes_validate
import pytest
import yaml
from ceiling import MIB, ceiling
from cluster import CHART, MANIFESTS, MISSING, PROGRAMS, ROOT, Carried, carried, kustomize, of_kind, template

from sidecar import cli
from sidecar.admin.listener import Admin
from sidecar.config.load import parse
from sidecar.config.refs import FileRef

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar.config.model import Config

pytestmark = pytest.mark.skipif(PROGRAMS is None, reason=MISSING)

EXAMPLES: Final = ("deployment", "job", "job-before-1.29", "job-exec")
CHARTED: Final = (
    "--set=app.enabled=true,app.image=your-app:1.0.0,podMonitor.enabled=true,podMonitor.labels.release=prometheus",
    "--set=networkPolicy.enabled=true,networkPolicy.appPorts={3000}",
)
ALL: Final = (*EXAMPLES, "chart", "chart at other ports")
NATIVE: Final = ("deployment", "job", "chart", "chart at other ports")
CONFIG: Final = "/etc/finhub-sidecar"
SECRETS: Final = "/run/secrets/finhub"
NEWEST: Final = ".".join(kubernetes_validate.latest_version().split(".")[:2])


@cache
def rendered(which: str) -> list[dict[str, Any]]:
    if which in EXAMPLES:
        return kustomize(MANIFESTS / "examples" / which)
    ports = ["--set=ports.listen=18080,ports.admin=19901"] if which == "chart at other ports" else []
    return template(CHART, *CHARTED, *ports)


def config(one: Carried) -> Config:
    """Return the configuration as the program would load it in the pod: the ConfigMap's, under the variables."""
    text = one.file(f"{CONFIG}/sidecar.toml")
    return parse(text, one.environ, folder=CONFIG)


# ── valid for the cluster ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("which", "version"),
    [(which, oldest) for which in ALL for oldest in ("1.29" if which in NATIVE else "1.25", NEWEST)],
)
def test_every_object_is_valid_on_the_oldest_and_on_the_newest_kubernetes(which: str, version: str) -> None:
    judged = [one for one in rendered(which) if one["kind"] != "PodMonitor"]  # no kind of Kubernetes itself
    assert judged
    for one in judged:
        assert kubernetes_validate.validate(one, version, strict=True) == version


def test_the_newest_kubernetes_is_not_the_oldest() -> None:
    assert tuple(int(part) for part in NEWEST.split(".")) >= (1, 33)


def test_a_cluster_that_knows_no_native_sidecars_would_be_told_apart() -> None:
    (workload,) = of_kind("Deployment", rendered("deployment"))
    with pytest.raises(kubernetes_validate.ValidationError, match="restartPolicy"):
        kubernetes_validate.validate(workload, "1.27", strict=True)


@pytest.mark.parametrize("which", ["deployment", "chart", "chart at other ports"])
def test_the_pod_monitor_finds_the_pods_and_scrapes_a_port_that_the_sidecar_has(which: str) -> None:
    (monitor,) = of_kind("PodMonitor", rendered(which))
    assert (monitor["apiVersion"], set(monitor["spec"])) == (
        "monitoring.coreos.com/v1",
        {"selector", "podMetricsEndpoints"},
    )
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["path"] == "/metrics"
    assert endpoint["port"] in [port["name"] for port in carried(rendered(which)).container["ports"]]
    (workload,) = of_kind("Deployment", rendered(which))
    labels = workload["spec"]["template"]["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()


# ── the sidecar's container ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("which", NATIVE)
def test_it_is_a_native_sidecar_that_needs_no_word_at_its_end(which: str) -> None:
    one = carried(rendered(which))
    assert one.native
    assert one.container["restartPolicy"] == "Always"
    assert "lifecycle" not in one.container


@pytest.mark.parametrize("which", ALL)
def test_it_runs_sealed(which: str) -> None:
    one = carried(rendered(which))
    assert one.container["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert one.pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"} & set(one.pod)


@pytest.mark.parametrize("which", ALL)
def test_its_secrets_are_files_that_the_pods_group_alone_can_read(which: str) -> None:
    one = carried(rendered(which))
    assert one.pod["securityContext"]["fsGroup"] == one.container["securityContext"]["runAsGroup"]
    volume = one.volume_at(SECRETS)
    assert volume["secret"] == {"secretName": "finhub", "defaultMode": 0o440}
    assert (volume["readOnly"], volume["subPath"]) == (True, None), "a subPath is never renewed"
    assert [path for other in one.others for path in other.get("volumeMounts", [])] == []


@pytest.mark.parametrize("which", ALL)
def test_the_limit_of_its_memory_is_what_readme_says_its_bounds_may_take(which: str) -> None:
    one = carried(rendered(which))
    shared = {"job-exec": 256 + 128}.get(which, 0)  # the program is in the same container
    limit = mebibytes(one.container["resources"]["limits"]["memory"])
    assert ceiling(config(one)) <= (limit - (256 if shared else 0)) * MIB
    assert mebibytes(one.container["resources"]["requests"]["memory"]) - (128 if shared else 0) == 80


def mebibytes(quantity: str) -> int:
    assert quantity.endswith("Mi")
    return int(quantity.removesuffix("Mi"))


# ── nothing that the program does not have ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("which", ALL)
def test_its_arguments_are_a_command_of_the_program(which: str) -> None:
    one = carried(rendered(which))
    options = cli.parser(one.container["args"]).parse_args(one.container["args"])
    assert options.config == f"{CONFIG}/sidecar.toml"
    assert "command" not in one.container  # the image's own entry point


@pytest.mark.parametrize("which", ALL)
def test_its_configuration_and_variables_are_accepted_and_every_file_they_name_is_in_the_secret(which: str) -> None:
    found = config(carried(rendered(which)))
    named = {found.identity.certificate_file, found.identity.key_file}
    for secret in (found.credentials.password, found.credentials.customer_secret):
        assert isinstance(secret, FileRef)
        named.add(secret.path)
    folders, names = zip(*((str(PurePosixPath(path).parent), PurePosixPath(path).name) for path in named), strict=True)
    assert set(folders) == {SECRETS}
    assert set(names) == set(keys_of_the_secret())


def keys_of_the_secret() -> list[str]:
    """Return the files that docs/kubernetes.md puts into the Secret."""
    page = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")
    (command,) = re.findall(r"kubectl create secret generic finhub (.*)", page)
    return re.findall(r"--from-file=(\S+)", command)


@pytest.mark.parametrize("which", ALL)
def test_no_other_variable_is_set_and_none_holds_a_secret(which: str) -> None:
    assert set(carried(rendered(which)).environ) <= {"FINHUB_LISTEN__ADDRESS", "FINHUB_ADMIN__ADDRESS"}
    assert of_kind("Secret", rendered(which)) == []


@pytest.mark.parametrize("which", [which for which in ALL if which != "job-exec"])
def test_its_probes_are_asked_where_the_program_answers_them(which: str) -> None:
    one = carried(rendered(which))
    admin = config(one).admin.address
    assert not admin.is_loopback, "the kubelet asks the pod's address"
    assert one.container["ports"] == [{"name": "finhub-admin", "containerPort": admin.port}]
    probes = {name: one.container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {probe["port"] for probe in probes.values()} == {"finhub-admin"}
    assert [probe["path"] for probe in probes.values()] == ["/startupz", "/livez", "/readyz"]


@pytest.mark.parametrize("path", ["/startupz", "/livez", "/readyz", "/metrics", "/-/quit"])
async def test_the_paths_that_are_asked_exist_in_the_program(path: str) -> None:
    admin = Admin(None, lambda _: None, over_unix=False)  # type: ignore[arg-type]  # nothing is asked of it
    reply = await admin.handle(SimpleNamespace(method="DELETE", target=path, fields=(), remote="10.0.0.1"))
    assert dict(reply.fields)["Allow"] == ("POST" if path.startswith("/-/") else "GET")


@pytest.mark.parametrize("which", [which for which in ALL if which != "job-exec"])
def test_the_program_beside_it_calls_where_it_listens_and_listens_elsewhere_itself(which: str) -> None:
    one = carried(rendered(which))
    (app,) = one.others
    listen, admin = config(one).listen.address, config(one).admin.address
    environ = {variable["name"]: variable["value"] for variable in app["env"]}
    assert environ["FINHUB_BASE_URL"] == f"http://{listen}"
    assert listen.is_loopback
    assert {listen.port, admin.port}.isdisjoint(port["containerPort"] for port in app.get("ports", []))


@pytest.mark.parametrize("which", ["deployment", "chart", "chart at other ports"])
def test_the_network_policy_lets_prometheus_to_the_metrics_and_the_pod_to_finhub_and_dns(which: str) -> None:
    one = carried(rendered(which))
    (policy,) = of_kind("NetworkPolicy", rendered(which))
    app, metrics = policy["spec"]["ingress"]
    assert metrics["ports"] == [{"port": config(one).admin.address.port, "protocol": "TCP"}]
    assert metrics["from"], "to nobody else"
    (own,) = one.others
    assert app["ports"][0]["port"] in {
        value for port in own["ports"] for value in (port["name"], port["containerPort"])
    }
    assert [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]] == [53, 53, 443]
    (workload,) = of_kind("Deployment", rendered(which))
    assert (
        policy["spec"]["podSelector"]["matchLabels"].items()
        <= workload["spec"]["template"]["metadata"]["labels"].items()
    )


def test_the_sidecar_on_an_older_cluster_is_the_same_container_but_no_init_container() -> None:
    old, new = carried(rendered("job-before-1.29")), carried(rendered("job"))
    assert not old.native
    assert "initContainers" not in old.pod
    assert {**old.container, "restartPolicy": "Always"} == new.container


def test_another_configuration_is_another_config_map_and_so_rolls_the_workload() -> None:
    name = carried(rendered("deployment")).volume_at(CONFIG)["configMap"]["name"]
    assert re.fullmatch(r"finhub-sidecar-[a-z0-9]{10}", name)


# ── the pages ───────────────────────────────────────────────────────────────────────────────────────────────────

PAGES: Final = ("docs/kubernetes.md", "deploy/helm/finhub-sidecar/README.md")


def blocks(page: str, language: str) -> Iterator[str]:
    """Yield the code blocks of a page in one language."""
    text = (ROOT / page).read_text("utf-8")
    for indent, body in re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL):
        yield re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    named = set(re.findall(r"(?<!/)\bdeploy/[\w./-]*\w", text))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_every_folder_that_the_page_lists_is_there_and_every_folder_is_listed() -> None:
    text = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")
    listed = set(re.findall(r"`([a-z0-9./-]+)/`", "\n".join(line for line in text.splitlines() if line[:1] == "|")))
    listed.discard("deploy/kubernetes")
    there = {path.parent.relative_to(MANIFESTS).as_posix() for path in MANIFESTS.rglob("kustomization.yaml")}
    assert listed == there


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_is_one_that_a_shell_takes(page: str) -> None:
    commands = [line for block in blocks(page, "sh") for line in block.splitlines()]
    assert commands
    assert {line.split()[0] for line in commands} <= {"docker", "kubectl", "helm"}


def test_the_kustomization_that_the_page_shows_works_where_it_says(tmp_path: Path) -> None:
    (text,) = (block for block in blocks("docs/kubernetes.md", "yaml") if "kind: Kustomization" in block)
    shown = yaml.safe_load(text)
    place = copied(tmp_path) / "examples" / "mine"
    place.mkdir()
    (place / "kustomization.yaml").write_text(text)
    (place / "app.yaml").write_text((MANIFESTS / "examples/deployment/app.yaml").read_text())
    one = carried(kustomize(place))
    (image,) = shown["images"]
    assert one.container["image"] == f"{image['newName']}:{image['newTag']}"


def copied(folder: Path) -> Path:
    for path in MANIFESTS.rglob("*.*"):
        there = folder / path.relative_to(MANIFESTS)
        if path.is_file():
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_bytes(path.read_bytes())
    return folder

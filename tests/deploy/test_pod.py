"""The real program as the manifests run it, in a network of its own: who asks it there, and what they get."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import pytest
from calling import BALANCE, PATIENCE, until
from cluster import MANIFESTS, PROGRAMS, carried, kustomize
from cluster import MISSING as NO_PROGRAMS
from pod import ADDRESS, Pod, missing

from sidecar.config.load import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MISSING: Final = missing()
pytestmark = [
    pytest.mark.skipif(PROGRAMS is None, reason=NO_PROGRAMS),
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
]

ADMIN: Final = f"http://{ADDRESS}:9901"
LOOPBACK: Final = "http://127.0.0.1:9901"
SECRETS: Final = {
    "password": "password",
    "customer-secret": "customer_secret",
    "tls.crt": "client.crt",
    "tls.key": "client.key",
}


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    """A pod in which the emulator stands for FinHub, and nothing else runs yet."""
    with Pod(tmp_path) as made:
        made.start("emulator", "--dir", str(tmp_path / "finhub"), environ={})
        until((tmp_path / "finhub" / "sidecar.toml").exists, "the emulator has written its files")
        yield made


def mounted(pod: Pod, example: str) -> tuple[list[str], dict[str, str]]:
    """Return the container's arguments and variables, with its volumes in the pod's folder and FinHub in the pod."""
    one = carried(kustomize(MANIFESTS / "examples" / example))
    secrets, config = pod.folder / "secrets", pod.folder / "config"
    secrets.mkdir()
    config.mkdir()
    for name, source in SECRETS.items():
        shutil.copy(pod.folder / "finhub" / source, secrets / name)
    (secrets / "tls.key").chmod(0o440)
    text = one.file("/etc/finhub-sidecar/sidecar.toml").replace("/run/secrets/finhub", str(secrets))
    (config / "sidecar.toml").write_text(text)
    theirs = load(pod.folder / "finhub" / "sidecar.toml", {})
    whose = {
        "FINHUB_UPSTREAM__URL": theirs.upstream.url,
        "FINHUB_UPSTREAM__CA_FILE": str(theirs.upstream.ca_file),
        "FINHUB_CREDENTIALS__USERNAME": str(theirs.credentials.username),
        "FINHUB_CREDENTIALS__CUSTOMER_ID": str(theirs.credentials.customer_id),
    }
    arguments = [word.replace("/etc/finhub-sidecar", str(config)) for word in one.container["args"]]
    return arguments, {**one.environ, **whose}


def run(pod: Pod, example: str) -> subprocess.Popen[bytes]:
    arguments, environ = mounted(pod, example)
    return pod.start(*arguments, environ=environ)


def test_kubelet_and_prometheus_ask_the_pods_address_under_any_host_and_nobody_there_gets_more(pod: Pod) -> None:
    process = run(pod, "deployment")
    pod.until_status(200, f"{ADMIN}/readyz")
    for host in (f"{ADDRESS}:9901", "app-7d4b9.default.svc:9901", ADDRESS):
        found = {path: pod.status("-H", f"Host: {host}", ADMIN + path) for path in PROBES}
        assert found == dict.fromkeys(PROBES, 200)
    for path in ("/", "/status", "/history"):
        assert pod.status(ADMIN + path) == 403
    for path in ("/-/quit", "/-/reload", "/-/reauthenticate"):
        assert pod.status("-X", "POST", ADMIN + path) == 403
        assert pod.status("-X", "POST", "-H", "Host: localhost:9901", ADMIN + path) == 403, "nor under a false name"
    assert process.poll() is None
    assert pod.status(f"{LOOPBACK}/status") == 200, "what `kubectl port-forward` brings"


PROBES: Final = ("/startupz", "/livez", "/readyz", "/metrics")


def test_the_program_beside_it_is_served_and_another_pod_does_not_reach_that_port(pod: Pod) -> None:
    run(pod, "deployment")
    pod.until_status(200, f"http://127.0.0.1:8080{BALANCE}")
    refused = 7  # curl's word for a connection that nobody took
    assert pod.curl(f"http://{ADDRESS}:8080{BALANCE}")[0] == refused


@pytest.mark.parametrize("code", [0, 3])
def test_on_an_older_cluster_the_job_waits_for_the_sidecar_ends_it_and_keeps_its_programs_status(
    pod: Pod, code: int
) -> None:
    one = carried(kustomize(MANIFESTS / "examples" / "job-before-1.29"))
    (job,) = one.others
    report = pod.folder / "report"
    report.write_text(f'#!/bin/sh\ncurl -qsS -o {pod.folder}/reply "$FINHUB_BASE_URL{BALANCE}"; exit {code}\n')
    report.chmod(0o700)
    (script,) = job["args"]
    assert script.count("/app/report") == 1
    environ = {variable["name"]: variable["value"] for variable in job["env"]}
    words = [*job["command"], script.replace("/app/report", str(report))]
    with (pod.folder / "job-said").open("wb") as said:
        shell = subprocess.Popen(
            pod.command("env", *(f"{name}={value}" for name, value in environ.items()), *words),
            stdin=subprocess.DEVNULL,
            stderr=said,
        )
    pod.running.append(shell)
    sidecar = run(pod, "job-before-1.29")
    assert (shell.wait(PATIENCE), sidecar.wait(PATIENCE)) == (code, 0), pod.said()
    assert '"success":true' in (pod.folder / "reply").read_text()
    assert "Failed to connect" in (pod.folder / "job-said").read_text(), "it came first, and waited"


def test_exec_runs_the_job_in_one_container_and_keeps_its_programs_status(pod: Pod) -> None:
    arguments, environ = mounted(pod, "job-exec")
    report = pod.folder / "report"
    report.write_text(f'#!/bin/sh\ncurl -qsS -o {pod.folder}/reply "$FINHUB_BASE_URL{BALANCE}"; exit 3\n')
    report.chmod(0o700)
    words = [str(report) if word == "/app/report" else word for word in arguments]
    process = pod.start(*words, environ=environ)
    assert process.wait(PATIENCE) == 3, pod.said()
    assert '"success":true' in (pod.folder / "reply").read_text()

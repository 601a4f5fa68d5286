"""Alerts and dashboard are understood by Prometheus, and name nothing that a running sidecar does not show."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
import socket
import subprocess
import urllib.parse
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from calling import BALANCE, get, until
from scrape import PREFIX
from staging import staged

from sidecar import errors
from sidecar.observe import metric_table as table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staging import Stage

ROOT: Final = Path(__file__).parents[2]
RULES: Final = ROOT / "deploy" / "prometheus" / "rules.yml"
RULE_TESTS: Final = ROOT / "deploy" / "prometheus" / "rules_test.yml"
DASHBOARD: Final = ROOT / "deploy" / "grafana" / "dashboard.json"
RUNBOOK: Final = ROOT / "docs" / "runbook.md"

PROMTOOL: Final = shutil.which("promtool")
PROMETHEUS: Final = shutil.which("prometheus")
needs_prometheus = pytest.mark.skipif(
    PROMTOOL is None or PROMETHEUS is None, reason="promtool or prometheus is missing: apt-get install prometheus"
)

VARIABLES: Final = {"$job": ".*", "$instance": ".*", "$__rate_interval": "1m"}


def promtool(*arguments: str, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([PROMTOOL or "", *arguments], input=text, capture_output=True, check=False, timeout=60)


@cache
def alerts() -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    found = {rule["alert"]: rule for rule in rules}
    assert len(found) == len(rules), "an alert stands there twice"
    return found


@cache
def dashboard() -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return shown


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries() -> dict[str, str]:
    """Return each of the dashboard's expressions by its panel, with a value for each variable."""
    found = {f"{panel['title']} {target['refId']}": target["expr"] for panel in panels() for target in panel["targets"]}
    found["annotation"] = dashboard()["annotations"]["list"][0]["expr"]
    return {name: filled(expression) for name, expression in found.items()}


def filled(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, f"a variable that nothing sets: {expression}"
    return expression


def metrics_in(expression: str) -> set[str]:
    """Return the names of metrics in an expression: of ours, and of the process's."""
    return set(re.findall(rf"\b(?:{PREFIX}|process_)[a-z_]+", expression))


# ── a sidecar that runs ─────────────────────────────────────────────────────────────────────────────────────────


_STORE_KEY: Final = base64.b64encode(bytes(32)).decode()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A sidecar with a store, which carried a request, and refused one."""
    with staged(tmp_path_factory.mktemp("scraped")) as stage:
        store = {"SESSION__STORE": f"file:{stage.finhub.folder / 'session'}", "SESSION__STORE_KEY": _STORE_KEY}
        sidecar = stage.run(**store)
        assert get(f"{sidecar.url}{BALANCE}").status == 200
        assert get(f"{sidecar.url}{BALANCE}", Host="evil.example").status == 403
        until(lambda: b'source="sidecar"' in scraped(stage), "both requests are counted")
        yield stage


def scraped(stage: Stage, accept: str = "") -> bytes:
    return get(f"{stage.sidecar.admin}/metrics", Accept=accept).body


@needs_prometheus
def test_the_scrape_is_as_promtool_wants_it(running: Stage) -> None:
    checked = promtool("check", "metrics", text=scraped(running))
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


@pytest.mark.parametrize("name", sorted(alerts()))
def test_every_metric_that_an_alert_names_is_in_the_scrape(running: Stage, name: str) -> None:
    named = metrics_in(alerts()[name]["expr"])
    assert named
    assert named <= shown_by(running)


def test_every_metric_that_the_dashboard_names_is_in_the_scrape(running: Stage) -> None:
    variables = [one["definition"] for one in dashboard()["templating"]["list"] if one["type"] == "query"]
    named = {metric for expression in (*queries().values(), *variables) for metric in metrics_in(expression)}
    assert named <= shown_by(running)


def shown_by(running: Stage) -> set[str]:
    """Return the names of all samples in a scrape."""
    lines = [line for line in scraped(running).decode().splitlines() if not line.startswith("#")]
    return {re.split(r"[{ ]", line, maxsplit=1)[0] for line in lines}


def test_every_metric_of_ours_is_on_the_dashboard() -> None:
    named = {metric for expression in queries().values() for metric in metrics_in(expression)}
    histograms = {f"{spec.name}_bucket" for spec in table.HISTOGRAMS}
    assert {spec.name for spec in (*table.COUNTERS, *table.GAUGES)} | histograms <= named


def test_every_value_of_a_label_that_is_asked_for_is_one_that_there_is() -> None:
    text = "\n".join([*queries().values(), *(rule["expr"] for rule in alerts().values())])
    asked = {
        (label, value)
        for label, values in re.findall(r'\b(\w+)=~?"([^"]*)"', text)
        for value in values.split("|")
        if label not in {"job", "instance", "alertname", "alertstate"}
    }
    known = {(label, value) for label, words in known_values().items() for value in words}
    assert asked <= known


def known_values() -> dict[str, set[str]]:
    told = {label: set(re.findall(r"`(\w+)`", words)) for label, words in table.LABELS.items()}
    told["status"] |= {"3xx", "4xx"}  # "`2xx` to `5xx`"
    told["reason"] |= reasons()
    return told


def reasons() -> set[str]:
    """Return the names that `Proxy-Status` can carry."""
    return {kind.proxy_error for kind in every(errors.SidecarError)}


def every(kind: type[errors.SidecarError]) -> Iterator[type[errors.SidecarError]]:
    yield kind
    for heir in kind.__subclasses__():
        yield from every(heir)


def test_no_failure_on_the_way_to_finhub_is_left_without_an_alert() -> None:
    text = "\n".join(rule["expr"] for rule in alerts().values())
    asked = {value for values in re.findall(r'reason=~?"([^"]*)"', text) for value in values.split("|")}
    ours = {"http_request_denied", "http_request_error"}  # the caller's: FinhubSidecarCallersRefused
    bugs = {"proxy_internal_error"}  # FinhubSidecarBug
    assert reasons() - ours - bugs <= asked


# ── alerts ──────────────────────────────────────────────────────────────────────────────────────────────────────


@needs_prometheus
def test_promtool_finds_no_fault_in_the_rules() -> None:
    checked = promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_prometheus
def test_every_alert_fires_when_it_should_and_is_silent_when_it_should() -> None:
    checked = promtool("test", "rules", str(RULE_TESTS))
    assert checked.returncode == 0, (checked.stdout + checked.stderr).decode()


def test_every_alert_is_seen_firing_and_not_firing() -> None:
    tests = yaml.safe_load(RULE_TESTS.read_text(encoding="utf-8"))["tests"]
    seen = [(one["alertname"], bool(one["exp_alerts"])) for test in tests for one in test["alert_rule_test"]]
    assert sorted(seen) == sorted((name, fires) for name in alerts() for fires in (True, False))


@pytest.mark.parametrize("name", sorted(alerts()))
def test_an_alert_says_how_bad_it_is_whose_fault_and_where_to_read_on(name: str) -> None:
    labels, notes = alerts()[name]["labels"], alerts()[name]["annotations"]
    assert labels["severity"] in {"critical", "warning", "info"}
    assert set(re.findall(r"\b(?:finhub|network|configuration|caller|sidecar)\b", labels["whose"]))
    assert notes["summary"].endswith((".", ")."))
    assert len(notes["description"].split()) > 5
    assert notes["runbook_url"] == f"docs/runbook.md#{name.lower()}"


# ── the runbook ─────────────────────────────────────────────────────────────────────────────────────────────────


def sections() -> dict[str, str]:
    _, *found = re.split(r"^## ", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {section.partition("\n")[0]: section for section in found}


def test_the_runbook_has_a_section_for_every_alert_and_no_other_in_the_same_order() -> None:
    assert list(sections()) == list(alerts())


@pytest.mark.parametrize("name", sorted(alerts()))
def test_a_section_says_what_it_means_whose_fault_it_is_and_what_to_do(name: str) -> None:
    asked = ["**Means:**", "**Whose:**", "**Do:**"]
    assert re.findall(r"^\*\*\w+:\*\*", sections()[name], flags=re.MULTILINE) == asked


def test_what_the_runbook_refers_to_is_there() -> None:
    text = RUNBOOK.read_text(encoding="utf-8")
    anchors = set(re.findall(r"\]\(#([\w-]+)\)", text))
    assert anchors <= {name.lower() for name in sections()}
    assert all((RUNBOOK.parent / name).is_file() for name in re.findall(r"\]\(([\w.]+\.md)\)", text))
    assert all((ROOT / name).is_file() for name in re.findall(r"`(deploy/[\w./-]+)`", text))
    assert {f"{PREFIX}{name}" for name in re.findall(r"`finhub_sidecar_(\w+)`", text)} <= {
        spec.name for spec in (*table.COUNTERS, *table.HISTOGRAMS, *table.GAUGES)
    }


# ── the dashboard ───────────────────────────────────────────────────────────────────────────────────────────────


def test_no_two_panels_have_one_number_or_lie_on_each_other() -> None:
    every_panel = dashboard()["panels"]
    assert len({panel["id"] for panel in every_panel}) == len(every_panel)
    taken: dict[tuple[int, int], str] = {}
    for panel in every_panel:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


def test_every_row_of_the_dashboard_is_filled() -> None:
    """No holes: what lies side by side is as high, and reaches from one edge to the other."""
    places = [panel["gridPos"] for panel in dashboard()["panels"]]
    widths: dict[tuple[int, int], int] = {}
    for place in places:
        key = place["y"], place["h"]
        widths[key] = widths.get(key, 0) + place["w"]
    assert set(widths.values()) == {24}
    assert len({y for y, _ in widths}) == len(widths)


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_and_takes_the_chosen_data_source(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}


# ── Prometheus itself ───────────────────────────────────────────────────────────────────────────────────────────


class Prometheus:
    """One that scrapes a sidecar each half second, with our rules."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, path: str, **asked: str) -> Any:
        """Return the answer's data; what it refuses is an error with its words."""
        got = get(f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(asked)}")
        answer = got.json
        assert answer["status"] == "success", answer
        return answer["data"]

    def value(self, expression: str) -> list[Any]:
        """Return the vector that an expression is now; a scalar as one of its kind."""
        found: list[Any] = self.ask("query", query=expression)["result"]
        return found


@pytest.fixture(scope="module")
def prometheus(running: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    config = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {"job_name": "finhub", "static_configs": [{"targets": [running.sidecar.admin.removeprefix("http://")]}]}
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    command = [
        PROMETHEUS or "",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=error",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            one = Prometheus(f"http://{address}")
            until(lambda: has_scraped(one), "Prometheus has scraped twice")
            yield one
        finally:
            process.terminate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def has_scraped(one: Prometheus) -> bool:
    with contextlib.suppress(OSError, ValueError):  # it does not listen yet, or says so in words
        return bool(one.value("count_over_time(up[1m]) > 2"))
    return False


@needs_prometheus
def test_prometheus_itself_takes_the_scrape(prometheus: Prometheus) -> None:
    (target,) = prometheus.ask("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    (requests,) = prometheus.value(f'sum({PREFIX}requests_total{{source="upstream"}})')
    assert requests["value"][1] == "1"


@needs_prometheus
def test_prometheus_answers_what_the_dashboard_asks_and_no_panel_is_empty(
    prometheus: Prometheus, running: Stage
) -> None:
    """That two vectors match many on both sides is seen only when they are asked for."""

    def empty() -> set[str]:
        return {name for name, expression in queries().items() if not prometheus.value(expression)}

    get(f"{running.sidecar.url}{BALANCE}", Host="evil.example")  # a rule is shown once it refuses
    until(lambda: empty() == {"annotation"}, "all panels show something, and no alert")


@needs_prometheus
def test_of_a_sidecar_that_is_well_no_alert_fires(prometheus: Prometheus) -> None:
    rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    assert {rule["name"] for rule in rules} == set(alerts())
    assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] == "err"} == {}
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []

"""docs/tenants.md: the configuration that it shows serves four tenants, each in its own way."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import house
import pages
from calling import BALANCE, get, until
from tenantstage import tenants_staged

from sidecar.config.tenantchecks import MOST

if TYPE_CHECKING:
    from pathlib import Path

    from tenantstage import TenantStage

PAGE = "docs/tenants.md"


def shown() -> str:
    (text,) = [block.text for block in pages.blocks(PAGE) if block.marks.get("file") == "sidecar.toml"]
    return text


def fitted(text: str, stage: TenantStage, folder: Path) -> str:
    """Return the page's configuration for the emulators' accounts, and put the files that it names into `folder`."""
    finhubs = stage.finhubs
    secret = (finhubs["acme"].folder / "customer_secret").read_text().strip()
    files = {"secrets/customer-secret": secret}
    for tenant in tomllib.loads(text)["tenants"]:
        name, theirs = tenant["name"], finhubs[tenant["name"]]
        theirs.do(lambda emulator: emulator.accept(customer_secret=secret))  # as the page has it, one for all
        files[f"secrets/{name}-password"] = (theirs.folder / "password").read_text()
        own = [f'name = "{name}"', f'upstream = {{ url = "{theirs.emulator.url}", ca_file = "{name}/ca.crt" }}']
        if name == "delta":
            files |= {f"certs/delta.{kind}": (theirs.folder / f"client.{kind}").read_text() for kind in ("crt", "key")}
        else:  # each of these FinHubs has an authority of its own
            own.append(f'identity = {{ certificate_file = "{name}/client.crt", key_file = "{name}/client.key" }}')
        text = text.replace(f'name = "{name}"', "\n".join(own)).replace(f'"{name}-user"', f'"{name}@finhub.example"')
        text = text.replace(f'"{tenant["credentials"]["tenant_id"]}"', f'"{name}-1"')
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch(0o600)
        (folder / name).write_text(content)
    return text.replace('"your-client-id"', '"demo-client"').replace("127.0.0.1:8081", "127.0.0.1:0")


def test_what_it_shows_serves_each_tenant_in_its_own_way(tmp_path: Path) -> None:
    names = [tenant["name"] for tenant in tomllib.loads(shown())["tenants"]]
    with tenants_staged(tmp_path, dict.fromkeys(names, "")) as stage:
        assert stage.config is not None
        stage.config.write_text(fitted(shown(), stage, tmp_path))
        sidecar = stage.run()
        states = ["FRESH", "FRESH", "EMPTY", "FRESH"]
        until(lambda: [one["state"] for one in sidecar.status()["sessions"]] == states, "the eager ones are logged in")
        delta = sidecar.status()["sessions"][3]["listen"]
        assert get(f"{sidecar.url}{BALANCE}").status == 200
        assert get(f"{sidecar.url}/beta{BALANCE}").status == 200
        assert get(f"{sidecar.url}{BALANCE}", X_Tenant="ceta").status == 200
        assert get(f"http://{delta}{BALANCE}").status == 200
        assert [len(stage.finhubs[name].seen(BALANCE)) for name in names] == [1, 1, 1, 1]
        assert {line["tenant"] for line in sidecar.requests()} == set(names)


def test_the_bound_that_it_tells_is_that_of_the_code() -> None:
    assert f"are {MOST} tenants at most" in " ".join((house.ROOT / PAGE).read_text(encoding="utf-8").split())

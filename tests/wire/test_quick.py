from __future__ import annotations

import json
import ssl
import subprocess
import sys

# In a process of its own: here aiohttp is loaded already.
LOOK = """
import json, ssl
made = ssl.create_default_context
from sidecar.wire import quick
quick.load_aiohttp()
from aiohttp import connector
trusting = connector._SSL_CONTEXT_VERIFIED
print(json.dumps({
    "as it was": ssl.create_default_context is made,
    "authorities": trusting.cert_store_stats()["x509"],
    "verifies": trusting.verify_mode == ssl.CERT_REQUIRED and trusting.check_hostname,
}))
"""


def test_aiohttps_own_context_trusts_nobody_and_the_rest_of_the_program_makes_them_as_ever() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == {"as it was": True, "authorities": 0, "verifies": True}


def test_where_it_is_loaded_already_nothing_is_touched() -> None:
    import aiohttp  # noqa: F401, PLC0415  # loaded is what this is about

    from sidecar.wire import quick  # noqa: PLC0415  # after aiohttp

    made = ssl.create_default_context
    quick.load_aiohttp()
    assert ssl.create_default_context is made

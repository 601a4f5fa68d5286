"""Bodies of 200 MB both ways in little memory, and replies that end too early."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest
from calling import BALANCE, PATIENCE, curl, get

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staging import Stage

MEGABYTE = 1_000_000
SIZE = 200 * MEGABYTE
MOST_GROWTH = 64 * MEGABYTE
BLOCK = bytes(range(256)) * 1024

CUT_AFTER = 100_000
PROMISED = 250_000

# curl: "transfer closed with outstanding read data remaining", or "failure in receiving network data" for a reset.
CURL_TELLS = {18, 56}


def pattern(size: int) -> Iterator[bytes]:
    """Yield `size` bytes, 0 to 255 over and over, as the emulator's /api/bytes does."""
    for begin in range(0, size, len(BLOCK)):
        yield BLOCK[: min(len(BLOCK), size - begin)]


def digest(chunks: Iterator[bytes]) -> str:
    hashed = hashlib.sha256()
    for chunk in chunks:
        hashed.update(chunk)
    return hashed.hexdigest()


def caller(stage: Stage) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(stage.sidecar.listen, timeout=PATIENCE)


@contextlib.contextmanager
def little_memory(stage: Stage) -> Iterator[None]:
    """Fail if the sidecar's highest resident size grows by 64 MB within the block."""
    before = stage.sidecar.memory("VmHWM")
    yield
    grown = stage.sidecar.memory("VmHWM") - before
    assert grown < MOST_GROWTH, f"grown by {grown / MEGABYTE:.1f} MB"


# ── 200 MB ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_upload_of_200_mb_arrives_as_it_was_sent_in_little_memory(shared: Stage) -> None:
    with little_memory(shared), contextlib.closing(caller(shared)) as connection:
        connection.request("POST", "/api/sink", pattern(SIZE), {"Content-Length": str(SIZE)})
        told = json.loads(connection.getresponse().read())
    assert told == {"length": SIZE, "sha256": digest(pattern(SIZE))}


def test_a_chunked_upload_of_200_mb_arrives_as_it_was_sent_in_little_memory(shared: Stage) -> None:
    with little_memory(shared), contextlib.closing(caller(shared)) as connection:
        connection.request("PUT", "/api/sink", pattern(SIZE), encode_chunked=True)
        told = json.loads(connection.getresponse().read())
    assert told == {"length": SIZE, "sha256": digest(pattern(SIZE))}


def test_a_download_of_200_mb_arrives_whole_in_little_memory(shared: Stage) -> None:
    command = ["curl", "-q", "-sS", "--noproxy", "*", f"{shared.sidecar.url}/api/bytes/{SIZE}"]
    with little_memory(shared), subprocess.Popen(command, stdout=subprocess.PIPE) as downloading:
        assert downloading.stdout is not None
        got = digest(iter(lambda: downloading.stdout.read(len(BLOCK)), b""))  # type: ignore[union-attr]  # asserted above
    assert downloading.returncode == 0
    assert got == digest(pattern(SIZE))


def test_a_caller_that_reads_slowly_does_not_fill_the_sidecars_memory(shared: Stage) -> None:
    with little_memory(shared), contextlib.closing(caller(shared)) as connection:
        connection.request("GET", f"/api/bytes/{SIZE}")
        reply = connection.getresponse()
        first = reply.read(MEGABYTE)
        for _ in range(20):
            get(f"{shared.sidecar.url}{BALANCE}")
    assert digest(iter([first])) == digest(pattern(MEGABYTE))


# ── cut in the middle ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=["", "?chunked"], ids=["of a known length", "chunked"])
def cut(request: pytest.FixtureRequest, shared: Stage) -> Iterator[str]:
    """The target of a reply that ends after 100,000 of 250,000 bytes."""
    shared.finhub.fault(f"api:cut={CUT_AFTER},path=/api/bytes/{PROMISED}")
    yield f"/api/bytes/{PROMISED}{request.param}"
    shared.finhub.clear_faults()


@pytest.mark.parametrize("version", ["--http1.1", "--http1.0"])
def test_curl_says_that_a_cut_reply_is_not_whole(shared: Stage, cut: str, version: str) -> None:
    got = curl(version, f"{shared.sidecar.url}{cut}")
    assert got.returncode in CURL_TELLS
    assert len(got.stdout) < PROMISED


def test_pythons_http_client_says_that_a_cut_reply_is_not_whole(shared: Stage, cut: str) -> None:
    with contextlib.closing(caller(shared)) as connection:
        connection.request("GET", cut)
        reply = connection.getresponse()
        assert reply.status == 200
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            reply.read()


def test_on_the_wire_a_cut_reply_has_neither_its_promised_length_nor_a_last_chunk(shared: Stage, cut: str) -> None:
    host, port = shared.sidecar.listen.split(":")
    with socket.create_connection((host, int(port)), PATIENCE) as raw:
        raw.sendall(f"GET {cut} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        received = everything(raw)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert head.count(b"HTTP/1.1") == received.count(b"HTTP/1.1") == 1, "no second status line inside the body"
    assert (b"content-length: 250000" in head.lower()) != (b"transfer-encoding: chunked" in head.lower())
    assert len(body) < PROMISED
    assert not body.endswith(b"0\r\n\r\n")


def everything(raw: socket.socket) -> bytes:
    """Return what comes until the connection ends, one way or the other."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := raw.recv(65536):
            received += chunk
    return received


def test_a_cut_reply_is_logged_as_such_and_the_next_request_is_well(shared: Stage, cut: str) -> None:
    curl(f"{shared.sidecar.url}{cut}")
    line = shared.sidecar.requests()[-1]
    assert (line["outcome"], line["status"], line["reason"]) == ("aborted", 200, "connection_terminated")
    assert get(f"{shared.sidecar.url}{BALANCE}").status == 200

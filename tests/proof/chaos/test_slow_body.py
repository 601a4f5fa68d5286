"""A caller whose body takes longer than a token lives: what goes to FinHub with it is a token that lives then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from chaos.programs import inner
from chaos.verdict import LATE
from chaos.world import LIFETIME, callers_relay, world

if TYPE_CHECKING:
    from pathlib import Path

_PAUSE = 0.4  # shorter than listen.body_timeout
_PIECE = b"x" * 1024  # at that pause, more than listen.min_rate
_PIECES = int(LIFETIME * 1.5 / _PAUSE)


async def test_the_token_is_chosen_after_the_body_has_come_not_before(tmp_path: Path) -> None:
    async with world(tmp_path) as stage, inner(tmp_path, stage.environ) as program, callers_relay(stage, program.port):
        await stage.heal(program)
        reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
        length = len(_PIECE) * _PIECES
        head = f"POST /api/sink HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: slow\r\nContent-Length: {length}\r\n\r\n"
        writer.write(head.encode())
        for _ in range(_PIECES):
            writer.write(_PIECE)
            await asyncio.sleep(_PAUSE)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.close()
        await writer.wait_closed()
        sent = [head for head in stage.tap.take() if head.name == "slow"]
        assert [head.at - program.dead[head.fingerprint] > LATE for head in sent] == [False]

"""Whatever goes wrong wherever it goes wrong: nothing sent twice, tokenless, cut short or leaked, and nothing left.

A failure prints the seed and the steps. `PROOF_SEED=… PROOF_SCALE=…` tells the same story again.
"""

from __future__ import annotations

import asyncio
import os
from itertools import islice
from typing import TYPE_CHECKING

from chaos.programs import descriptors, inner, outer, tasks
from chaos.story import story
from chaos.world import Broken, callers_relay, secrets_of, world
from leaks import leaks
from scale import scale

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from chaos.world import Program, World

SEED = int(os.environ.get("PROOF_SEED", "3"))
FAULTS = 200 * scale()
PROCESS_FAULTS = 60 * scale()
_MOST_STEPS_PER_FAULT = 4

_LOST = ("never retrieved", "Unhandled", "was destroyed")


async def tell(stage: World, program: Program, seed: int, faults: int) -> None:
    """Play the story until so many faults have happened; a failure names the seed and the steps up to it."""
    steps = []
    for step in islice(story(seed), faults * _MOST_STEPS_PER_FAULT):
        if stage.faults >= faults:
            return
        steps.append(step)
        try:
            await stage.play(program, step)
        except Exception as error:
            told = "\n".join(f"{number}. {each}" for number, each in enumerate(steps, 1))
            raise Broken(f"seed {seed}, step {len(steps)}: {error!r}\n{error}\n\nall steps:\n{told}") from error
    raise AssertionError(f"only {stage.faults} faults happened")


def heard_by_callers(stage: World) -> dict[str, str]:
    return {f"reply to {each.ask.name}": f"{each.got.fields}{each.got.body[:4096]!r}" for each in stage.heard}


async def test_in_this_process_nothing_is_doubled_tokenless_truncated_leaked_or_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, figures: Callable[[str], None]
) -> None:
    lost: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: lost.append(str(context)) if any(word in context["message"] for word in _LOST) else None
    )
    await once(tmp_path / "warm-up")  # threads, caches and the like are there from now on
    before = (descriptors(), tasks())
    async with world(tmp_path / "stage") as stage, inner(tmp_path / "stage", stage.environ) as program:
        async with callers_relay(stage, program.port):
            await stage.heal(program)
            await stage.alone(program)
            idle = (descriptors(), tasks())
            await tell(stage, program, SEED, FAULTS)
            await stage.heal(program)
            await stage.alone(program)
            assert program.held() == (0, 0)
            assert (descriptors(), tasks()) == idle
        written = {**program.written(), **heard_by_callers(stage), "logging": caplog.text}
        assert program.bugs == []
    assert (descriptors(), tasks()) == before
    assert lost == []
    assert leaks(secrets_of(stage), written) == []
    told = f"in this process: {stage.faults:,} faults in {stage.talks:,} talks, 0 complaints"
    figures(f"{told}; idle again: {idle[0]} descriptors, {len(idle[1])} tasks")


async def once(folder: Path) -> None:
    """Let all parts run and end once."""
    async with world(folder) as stage, inner(folder, stage.environ) as program, callers_relay(stage, program.port):
        await stage.heal(program)


async def test_the_real_process_keeps_nothing_open_and_leaks_nothing(
    tmp_path: Path, figures: Callable[[str], None]
) -> None:
    async with world(tmp_path) as stage, outer(tmp_path, stage.environ) as program:
        pid = str(program.process.pid)
        async with callers_relay(stage, program.port):
            await stage.heal(program)
            await stage.alone(program)
            before = descriptors(pid)
            await tell(stage, program, SEED + 1, PROCESS_FAULTS)
            await stage.heal(program)
            await stage.alone(program)
            after = descriptors(pid)
        status = await program.status()
    assert after == before
    assert status["upstream"]["connections"] == 0
    assert "unexpected failure" not in program.written()["stderr"]
    assert leaks(secrets_of(stage), {**program.written(), **heard_by_callers(stage), "status": str(status)}) == []
    told = f"the real process: {stage.faults:,} faults in {stage.talks:,} talks, 0 complaints"
    figures(f"{told}; idle again: {after} descriptors")

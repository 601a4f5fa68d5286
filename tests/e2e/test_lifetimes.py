"""A token that lives six seconds, and callers that never notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crowd import constant_load, crowd

if TYPE_CHECKING:
    from collections.abc import Callable

    from staging import Stage

LIFETIME = 6.0
LIFETIMES = 3


async def test_over_three_lifetimes_under_load_nobody_sees_a_401_and_renewals_stay_in_the_last_tenth(
    put_up: Callable[..., Stage],
) -> None:
    stage = put_up(token_lifetime=LIFETIME)
    async with crowd(stage.run().url) as callers:
        load = await constant_load(
            callers, "/api/v2.1/wallets/w-1/balance", number=8, seconds=LIFETIMES * LIFETIME, pause=0.02
        )
    assert set(load.statuses) == {200}
    assert load.statuses[200] > 8 * 20 * LIFETIMES
    counts = stage.finhub.counts
    assert counts.unauthorized == 0
    assert counts.refreshes >= LIFETIMES - 1
    assert counts.refreshes_unchanged == 0, "a refresh came before the last tenth"
    assert (counts.login_attempts, counts.logins) == (1, 1)
    assert counts.refresh_attempts == counts.refreshes
    assert all(line["expires_in"] > 0.9 * LIFETIME for line in stage.sidecar.lines("session minted"))

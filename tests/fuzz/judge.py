"""One case: an example, a change, what reads it, and whether that ended as it must.

Right is success or a LimenError of one plain line, within seconds, without a warning, a file left behind or a byte of
the input changed.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from tests.fuzz.examples import example_folder, folder_files, write
from tests.fuzz.kinds import KINDS, Kind
from tests.fuzz.mutations import change
from tests.support.signals import signals_kept
from workloads.errors import LONGEST_LINE, LimenError

MOST_SECONDS = 5.0
"""Of processor time that one case takes."""

TOOK = "took"
GIVE_UP_SECONDS = 60
"""Of any time, after which a case is stopped."""

COMMANDS = 0.08
"""Share of the cases of kinds with a command that it reads."""


BY_NAME = {kind.name: kind for kind in KINDS}


class TooSlow(BaseException):
    """A case that was stopped: nothing that reads files catches it."""


@dataclass(frozen=True)
class Fault:
    """What a case did wrong; where: the last frames of a traceback, innermost last."""

    seed: int
    case: int
    kind: str
    target: str
    what: str
    where: str = ""

    def __str__(self) -> str:
        return f"--seed {self.seed} --case {self.case}: {self.kind}: {self.target}: {self.what}{self.where}"


def run_case(seed: int, case: int, keep: Path | None = None) -> Fault | None:
    """Run one case; return its fault, or None. keep: where to put its files, too.

    A slow one is run once more: the first of a kind that reaches a kernel compiles it in a fresh clone.
    """
    fault = _run_once(seed, case, keep)
    slow = fault is not None and fault.what.startswith(TOOK)
    return _run_once(seed, case, keep) if slow else fault


def _run_once(seed: int, case: int, keep: Path | None) -> Fault | None:
    random = Random(f"{seed}/{case}")
    kind = random.choices(KINDS, [each.weight for each in KINDS])[0]
    _warm_up(kind.name)  # outside of the case's time
    target = random.choice(list(kind.targets))
    with tempfile.TemporaryDirectory(prefix="limen-case-") as root:
        folder, scratch = Path(root) / "in", Path(root) / "scratch"
        scratch.mkdir()
        shutil.copytree(example_folder(kind.example), folder)
        _spoil(folder / target, kind.targets[target], random)
        if keep is not None:
            shutil.copytree(folder, keep, dirs_exist_ok=True)
        by_command = kind.command is not None and random.random() < COMMANDS
        before = folder_files(folder)
        with _temporary_files_in(scratch):
            what, where = _judged(kind, folder, by_command)
        if what is None and folder_files(folder) != before:
            what = "changed its input"
        if what is None and any(scratch.iterdir()):
            what = f"left {', '.join(path.name for path in scratch.iterdir())}"
    return None if what is None else Fault(seed, case, kind.name, target, what, where)


@cache
def _warm_up(name: str) -> None:
    """Read a kind's files as they are, so that in a fresh clone no case stands for what compiling its kernels takes."""
    kind = BY_NAME[name]
    with contextlib.redirect_stderr(io.StringIO()):  # it says that it compiles
        kind.use(example_folder(kind.example))


def run_chunk(job: tuple[int, int, int]) -> list[Fault]:
    """Run cases first to before end of a seed and return the faults. job: seed, first, end."""
    seed, first, end = job
    return [fault for case in range(first, end) if (fault := run_case(seed, case)) is not None]


def _spoil(path: Path, form: str, random: Random) -> None:
    """Change a file; now and then, take it away or put a folder in its place."""
    content = path.read_bytes()
    chance = random.random()
    if chance < 0.004:
        path.unlink()
    elif chance < 0.008:
        path.unlink()
        path.mkdir()
    else:
        write(path, change(form, content, random))


@contextlib.contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _judged(kind: Kind, folder: Path, by_command: bool) -> tuple[str | None, str]:
    """Return (what is wrong, where), or (None, "")."""
    printed, said = io.StringIO(), io.StringIO()
    error: BaseException | None = None
    warned: list[warnings.WarningMessage] = []
    start = time.process_time()
    previous = signal.signal(signal.SIGALRM, _stop)
    signal.alarm(GIVE_UP_SECONDS)
    try:
        with (
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(said),
            _warnings() as warned,
            signals_kept(),
        ):
            _command(kind, folder) if by_command else kind.use(folder)
    except BaseException as caught:
        error = caught
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
    seconds = time.process_time() - start
    for warning in warned:
        said.write(f"{warning.category.__name__}: {warning.message}")
    wrong = _wrong_exit(error, said.getvalue()) if by_command else _wrong_end(error, said.getvalue())
    if wrong is None and seconds > MOST_SECONDS:
        wrong = f"{TOOK} {seconds:.1f} s"
    return (wrong, "" if error is None or isinstance(error, LimenError | SystemExit) else _frames(error))


@contextlib.contextmanager
def _warnings() -> Iterator[list[warnings.WarningMessage]]:
    """Collect the warnings that Python prints where nobody asks for more."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for hidden in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", hidden)
        yield warned


def _stop(*_: object) -> None:
    raise TooSlow(f"stopped after {GIVE_UP_SECONDS} s")


def _command(kind: Kind, folder: Path) -> None:
    from dse.cli.commands import run

    assert kind.command is not None
    arguments, place = sys.argv, Path.cwd()
    try:
        sys.argv = ["limen", *kind.command]
        os.chdir(folder)
        sys.exit(run())
    finally:
        sys.argv = arguments
        os.chdir(place)


def _wrong_end(error: BaseException | None, said: str) -> str | None:
    if said:
        return f"printed {said[:200]!r}"
    if error is None:
        return None
    if not isinstance(error, LimenError):
        return f"{type(error).__name__}: {str(error)[:200]!r}"
    return _wrong_line(str(error))


def _wrong_exit(error: BaseException | None, said: str) -> str | None:
    if not isinstance(error, SystemExit):
        return f"{type(error).__name__}: {str(error)[:200]!r}"
    if error.code == 0:
        return f"printed {said[:200]!r}" if said else None
    if error.code != 2 or not said.startswith("limen: ") or not said.endswith("\n"):
        return f"exit code {error.code}, {said[:300]!r}"
    return _wrong_line(said.removeprefix("limen: ").removesuffix("\n"))


def _wrong_line(line: str) -> str | None:
    if not line.isprintable() or not line.strip():
        return f"a line that is not plain: {line[:200]!r}"
    return f"a line of {len(line)} characters" if len(line) > LONGEST_LINE else None


def _frames(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return "".join(f"\n    {Path(frame.filename).name}:{frame.lineno} {frame.name}: {frame.line}" for frame in frames)

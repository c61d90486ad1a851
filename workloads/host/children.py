"""Running other programs and worker processes so that none outlives this one, not even when it is killed."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import Any, BinaryIO, TypeVar

from workloads.errors import LimenError

Item = TypeVar("Item")
Result = TypeVar("Result")

WAITING = 2
"""Items a process: one that it works on, and one that it finds when it is done."""

# A shell starts the program in a process group of its own and kills the group, itself included, when the pipe ends
# whose other end this process holds: the system closes it even after SIGKILL. It reaches children of children too,
# make's compilers and Yosys' abc, which a death signal (prctl) would not.
_GUARD = """exec 3<&0
{ read -r gone <&3; kill -KILL 0; } >/dev/null 2>&1 &
guard=$!
"$@" 3<&- </dev/null
code=$?
kill -KILL $guard
exit $code"""

_running: set[BinaryIO] = set()
"""Our ends of the pipes of programs under way; closing one ends its program."""


def run_child(
    command: Sequence[str],
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    hear: Callable[[str], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program in `folder` to its end and return its exit code, output and error output, read as UTF-8.

    folder: one that vanishes (`scratch_folder`). The program's own temporary files go there, and with it, even where
    the program is killed. hear: called with each line of its output as it comes.
    Whatever ends the wait (Ctrl-C, an error, a kill of this process) ends the program and all that it started. A
    program that dies of a signal has the code 128 + its number; one that can't be started has 127 or 126.
    """
    if folder is not None:
        environment = {**(os.environ if environment is None else environment), "TMPDIR": "."}
    end, start = os.pipe()
    with open(start, "wb") as alive:
        _running.add(alive)
        try:
            with (
                open(end, "rb") as watched,
                subprocess.Popen(
                    ["/bin/sh", "-c", _GUARD, "sh", *command],
                    stdin=watched,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    cwd=folder,
                    env=environment,
                    encoding="utf-8",
                    errors="replace",
                    process_group=0,
                ) as child,
            ):
                try:
                    output, errors = child.communicate() if hear is None else _listen(child, hear)
                except BaseException:
                    alive.close()  # before Popen waits for its end
                    raise
        finally:
            _running.discard(alive)
    return subprocess.CompletedProcess(list(command), child.returncode, output, errors)


def _listen(child: subprocess.Popen[str], hear: Callable[[str], None]) -> tuple[str, str]:
    """Return output and error output of a program, whose lines are heard as they come, when both have ended."""
    assert child.stdout is not None and child.stderr is not None
    stream, errors, lines = child.stderr, [], []
    reader = Thread(target=lambda: errors.append(stream.read()), daemon=True)  # full, it would stop the program
    reader.start()
    for line in child.stdout:
        hear(line.rstrip("\n"))
        lines.append(line)
    reader.join()
    return "".join(lines), "".join(errors)


def end_children() -> None:
    """End every program that `run_child` is running now, in whichever thread: their calls return."""
    for alive in list(_running):
        alive.close()


class Workers:
    """Fresh processes, each of which calls start(*arguments) first: a context, at whose end they end, whatever they
    are at; they do so, too, when this process dies.
    """

    def __init__(self, jobs: int, start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        context = get_context("spawn")
        self._jobs = jobs
        self._watched, self._alive = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(jobs, context, _start_worker, (self._watched, start, arguments))

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._alive.close()
        self._watched.close()
        self._pool.shutdown(cancel_futures=True)

    def run(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Generator[tuple[Item, Result]]:
        """Yield (item, work(item)) as they come.

        Few items are taken at a time, and results are let go of as they are yielded: there may be any number of either.

        Raises:
            LimenError: a worker was killed. What `work` raises is raised here.
        """
        left = iter(items)
        under_way: dict[Future[Result], Item] = {}
        try:
            while True:
                with _no_interrupts():  # workers inherit it: Ctrl-C goes to all of a terminal, and we end them
                    for item in islice(left, WAITING * self._jobs - len(under_way)):
                        under_way[self._pool.submit(work, item)] = item
                if not under_way:
                    break
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    yield under_way.pop(future), future.result()
        except BrokenProcessPool:
            raise LimenError("a worker process was ended from outside: out of memory? fewer jobs need less") from None


def run_in_workers(
    jobs: int,
    start: Callable[..., None],
    arguments: tuple[Any, ...],
    work: Callable[[Item], Result],
    items: Iterable[Item],
) -> Generator[tuple[Item, Result]]:
    """Yield what `Workers.run` does, by workers of their own. Close the iterator (see contextlib.closing): they end.

    Raises LimenError as `Workers.run` does.
    """
    with Workers(jobs, start, arguments) as workers:
        yield from workers.run(work, items)


@contextmanager
def _no_interrupts() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker(watched: Connection, start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    Thread(target=_end_with_parent, args=(watched,), daemon=True).start()
    start(*arguments)
    gc.freeze()  # what is there now stays: nothing of it has to be looked through again and again


def _end_with_parent(watched: Connection) -> None:
    """Wait for the end of the parent's end of the pipe, on which nothing is ever sent."""
    with suppress(EOFError, OSError):
        watched.recv_bytes()
    os._exit(1)

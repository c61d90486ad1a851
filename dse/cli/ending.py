"""How a command ends: at a signal or a full disk too with one line on stderr and its own exit code, never a traceback.

Exit codes: 0, 1 for a finding, 2 for what can't be, 130 after Ctrl-C (SIGINT), 143 after SIGTERM, 129 after SIGHUP, and
141 where nobody reads the output any more (`| head`), then without a line.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from workloads.errors import printable

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

    from _typeshed import ReadableBuffer

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE_SECONDS = 3.0
"""How long a signal waits for the main thread to end the command; a kernel or a library may hold it for minutes."""

_came: list[int] = []
"""The signal that stops this command, once one came."""


class Stopped(BaseException):
    """A signal came. Not a KeyboardInterrupt, of which libraries make something else."""


class OutputError(Exception):
    """Standard output can't be written. Not an OSError, of which click makes an exit code of its own."""


class _Output(io.FileIO):
    """Standard output: it fails once, by an error of its own, and is silent from then on, at the exit too."""

    failed = False

    def write(self, data: ReadableBuffer, /) -> int:
        if self.failed:
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except OSError as error:
            self.failed = True
            raise OutputError(error.errno) from None


def main() -> NoReturn:
    """Run the command line and exit."""
    end_with(_command)


def _command() -> int:
    from dse.cli.commands import run

    return run()


def end_with(program: Callable[[], int | None]) -> NoReturn:
    """Run a program and exit with its code, 0 for None, or as every command ends."""
    code = 2
    try:
        _catch_signals()
        _open_streams()
        code = program() or 0
        sys.stdout.flush()
    except OutputError as error:
        code = _output_failed(error.args[0])
    except OSError as error:
        say(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error))
    except UnicodeEncodeError as error:
        say(f"{error.object!a}: is not allowed: it can't be written as {error.encoding}")
    except MemoryError:
        say("not enough memory for this")
    except BaseException:
        if not _came:
            raise
    if _came:  # first of all: what a signal interrupts may raise anything, a library's ImportError say
        say("stopped")
        code = 128 + _came[0]
    _ignore_signals()
    sys.exit(code)


def say(text: str) -> None:
    """Print the line that a command ends with, if stderr takes it; a signal comes too late now."""
    _ignore_signals()
    if sys.stderr is None:  # closed, and print's None is stdout
        return
    try:
        print(f"limen: {printable(' '.join(text.split()))}", file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the exit writes what is left of the line, once more


def _catch_signals() -> None:
    """Turn signals into Stopped, each that isn't ignored (nohup, `&` in a script), and watch that it is obeyed."""
    from threading import Thread

    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    signal.signal(signal.SIGALRM, _stop_again)
    sys.unraisablehook = _unraisable
    watched, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    Thread(target=_insist, args=(watched,), daemon=True).start()


def _stop(number: int, frame: FrameType | None) -> None:
    _ignore_signals()  # `timeout` sends two, and a shell sends one to us and make another: the first one counts
    _came.append(number)
    raise Stopped


def _unraisable(dropped: UnraisableHookArgs) -> None:
    """Stop again in a moment where Python dropped the first attempt: it came while an object was being deleted."""
    if dropped.exc_type is Stopped:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
    else:
        sys.__unraisablehook__(dropped)


def _stop_again(number: int, frame: FrameType | None) -> None:
    raise Stopped


def _ignore_signals() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _insist(watched: int) -> None:
    """End the process where the main thread is slow to: it is deep in compiled code, or waits for what never comes."""
    number = os.read(watched, 1)[0]
    time.sleep(PATIENCE_SECONDS)
    from workloads.host.scratch import remove_own

    remove_own()
    os.write(2, b"limen: stopped\n")
    os._exit(128 + number)


def _open_streams() -> None:
    """Give stdout our own error and no character that it refuses, and fill closed streams: no file may become one.

    A closed stdout is filled with what can't be written either; who prints nothing will not know.
    """
    for stream in (0, 1, 2):
        try:
            os.fstat(stream)
        except OSError:
            os.open(os.devnull, os.O_RDWR if stream == 2 else os.O_RDONLY)
    encoding, terminal = getattr(sys.stdout, "encoding", "utf-8"), os.isatty(1)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Output(1, "w", closefd=False)), encoding, "backslashreplace", line_buffering=terminal
    )


def _output_failed(number: int) -> int:
    if number == errno.EPIPE:
        return 128 + signal.SIGPIPE
    say(f"standard output: cannot be written: {os.strerror(number)}")
    return 2

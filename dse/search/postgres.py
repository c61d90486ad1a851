"""A PostgreSQL database as studies use it: reached or refused with a line, waited for where it goes away.

What is done in it is done in transactions that may be repeated whole: one whose end nobody heard of, because the
connection broke meanwhile, may have happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from workloads.errors import LimenError, pip_command, shown

if TYPE_CHECKING:
    import psycopg

    from dse.search.search import Show

Result = TypeVar("Result")

ALLOWED = "postgresql://USER@HOST:PORT/DATABASE"

REACHED_WITHIN_S = 10
"""How long a server may take to answer that it is there."""

PATIENCE_S = 300.0
"""How long a run waits for a server that went away."""

DELAYS_S = (0.1, 5.0)
"""Between two tries to reach it: at first, doubled after each, and at most."""

SETTINGS = {
    "connect_timeout": REACHED_WITHIN_S,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "application_name": "limen",
}
"""Of a connection: one to a machine that is off is given up after 25 s."""

IDLE_IN_TRANSACTION_MS = 120_000
"""How long a machine that stands still may hold what others wait for: the server then ends its transaction."""


class Rows:
    """A connection in a transaction, see `dse.search.trial_rows.Database`."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, query: str, values: Sequence[Any] = (), /) -> Any:
        """Return the rows that a query gives. Raises psycopg.Error."""
        return self._connection.execute(query.replace("?", "%s"), values)

    def executemany(self, query: str, values: Iterable[Sequence[Any]], /) -> None:
        """Do the same for each of many, without their rows."""
        with self._connection.cursor() as cursor:
            cursor.executemany(query.replace("?", "%s"), values)


class Postgres:
    """A database, by its address; name: the address without a password, for lines and pictures."""

    def __init__(self, address: str) -> None:
        """Check an address; nothing is reached yet. Raises LimenError, of which no part is what may be a password."""
        scheme, found, rest = address.partition("://")
        if not found or scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
            given = f" {shown(scheme)}://…" if found else ""
            raise LimenError(f"storage:{given or ' what is given'} is not allowed: {ALLOWED}")
        if find_spec("psycopg") is None:
            raise LimenError(f"storage: needs psycopg, not installed: {pip_command('postgres')}")
        import psycopg
        from psycopg.conninfo import conninfo_to_dict

        try:
            self._parts: dict[str, Any] = dict(conninfo_to_dict(f"postgresql://{rest}"))
            sound = not any("@" in str(self._parts.get(name, "")) for name in ("host", "dbname"))
            sound = sound and str(self._parts.get("port", "0")).replace(",", "").isdigit()
        except psycopg.Error:
            sound = False
        if not sound:
            raise LimenError(f"storage: no address that can be read: {ALLOWED}; in a password / is %2F and @ is %40")
        self.name = _name_of(self._parts)
        self._connection: psycopg.Connection[Any] | None = None

    def another(self) -> Postgres:
        """Return the same database with a connection of its own."""
        other = copy(self)
        other._connection = None
        return other

    def connect(self) -> psycopg.Connection[Any]:
        """Return a new connection, whose statements are transactions of their own. Raises psycopg.Error."""
        import psycopg

        connection = psycopg.connect(**{**SETTINGS, **self._parts}, autocommit=True, prepare_threshold=None)
        connection.execute(f"set idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_MS}")
        return connection

    def perform(
        self, work: Callable[[Rows], Result], show: Show | None = None, prepare: Callable[[], None] = lambda: None
    ) -> Result:
        """Return what `work` returns, all of it done in one transaction.

        show: where there is one, a server that can't be reached is waited for, and `work` is called again. prepare: is
        called before each transaction.

        Raises LimenError: the server can't be reached, or refuses what is asked. What `work` raises undoes all.
        """
        import psycopg

        delay, began = DELAYS_S[0], time.monotonic()
        while True:
            try:
                prepare()
                if self._connection is None:
                    self._connection = self.connect()
                with self._connection.transaction():
                    return work(Rows(self._connection))
            except psycopg.Error as error:
                lost = self._connection is None or self._connection.closed
                lost = lost or isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
                self.close()
                if not lost:
                    raise LimenError(f"storage: {self.name}: {error}") from None
                waited = time.monotonic() - began
                if show is None:
                    raise LimenError(f"storage: {self.name} can't be reached: {error}") from None
                if waited > PATIENCE_S:
                    raise LimenError(
                        f"storage: {self.name} couldn't be reached for {waited:.0f} s: {error}; run again to go on"
                    ) from None
                show(f"waiting for {self.name}", int(waited), int(PATIENCE_S))
                time.sleep(delay)
                delay = min(2 * delay, DELAYS_S[1])

    def close(self) -> None:
        """Let go of the connection; the next transaction makes another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _name_of(parts: dict[str, Any]) -> str:
    """Return an address with the parts that are no secrets."""
    user = f"{parts['user']}@" if parts.get("user") else ""
    host, port = str(parts.get("host", "")), f":{parts['port']}" if parts.get("port") else ""
    database = f"/{parts['dbname']}" if parts.get("dbname") else ""
    if host.startswith("/"):  # the folder of a socket
        return f"postgresql://{user}{port}{database}?host={host}"
    return f"postgresql://{user}{host}{port}{database}"

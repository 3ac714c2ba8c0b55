"""The PostgreSQL that comes along: started from an installed wheel, private to one folder, alive as long as somebody uses it.

Three lock files in the folder carry the whole agreement between processes; the kernel lets go of them however a process ends:

    door.lock     held while starting or stopping, so that only one process does either
    users.lock    shared by everyone who uses the server
    keeper.lock   held by the keeper, the small process that is PostgreSQL's parent

The keeper waits for users.lock alone. It gets it when the last user is gone, by `stop` or by SIGKILL, and then stops the server. A
user who comes while the server stops waits for that lock and starts a new one.

PostgreSQL refuses to run as root. When we are root it runs inside a user namespace, where our own files belong to an ordinary user;
where that is not permitted, a copy of it runs as an unprivileged user in a folder of its own. No permission of an existing folder
is ever changed.
"""

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg

from clearing.embedded.cluster import OWNER, data_folder, have_cluster, have_password, private_folder, socket_folder
from clearing.embedded.locks import locked, open_lock, opened, try_lock
from clearing.embedded.runner import find_runner
from clearing.embedded.server import end_server, last_lines, says_ready
from clearing.errors import Misconfigured

START_SECONDS_MAX = 60
LASTING = ("fsync=on", "synchronous_commit=on")
FORGETFUL = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")  # outlives its users, not the machine


class Embedded:
    """A PostgreSQL of one folder, shared by every process that starts it, stopped when the last of them stops or dies."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder.absolute()
        self.durable = durable
        self._users: int | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> str:
        """Use the server, starting it if nobody has; the answer is the address to connect to."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._users is not None:
            return self.url
        with locked(self.folder / "door.lock"):
            self._users = open_lock(self.folder / "users.lock")
            try:
                fcntl.flock(self._users, fcntl.LOCK_SH)  # waits while a keeper is stopping the server
                self._be_running()
                self._have_database()
            except BaseException:
                self._leave()
                raise
        return self.url

    def stop(self) -> None:
        """Use the server no longer. The last user's stop returns when the server has ended and its data is on disk."""
        if self._users is None:
            return
        with locked(self.folder / "door.lock"):
            alone = try_lock(self._users)
            if alone:
                end_server(data_folder(self._home()))
                with locked(self.folder / "keeper.lock"):
                    pass  # the keeper goes with its server
            else:  # others use it, or the keeper was quicker: then wait until it is done
                fcntl.flock(self._users, fcntl.LOCK_SH)
            self._leave()

    @property
    def url(self) -> str:
        """The address of the embedded database; contains its password."""
        password = (self.folder / "password").read_text().strip()
        return _url(socket_folder(self._home()), OWNER, password)

    def _leave(self) -> None:
        if self._users is not None:
            os.close(self._users)
            self._users = None

    def _home(self) -> Path:
        """Where the server's files are: the folder itself, unless an unprivileged user had to be given one of its own."""
        elsewhere = self.folder / "elsewhere"
        return Path(elsewhere.read_text().strip()) if elsewhere.exists() else self.folder

    def _be_running(self) -> None:
        launched, deadline = False, time.monotonic() + START_SECONDS_MAX
        while not (kept := self._kept()) or not says_ready(data_folder(self._home()) / "postmaster.pid"):
            if (launched and not kept) or time.monotonic() > deadline:
                message = f"the embedded PostgreSQL did not start: {last_lines(self.folder / 'postgres.log')}"
                raise Misconfigured(message)
            if not kept:
                self._launch()
                launched = True
            time.sleep(0.01)

    def _kept(self) -> bool:
        with opened(self.folder / "keeper.lock") as lock:
            return not try_lock(lock)

    def _launch(self) -> None:
        runner = find_runner(self.folder)
        have_password(self.folder / "password")
        have_cluster(runner, self.folder / "password")
        end_server(data_folder(runner.home))  # a server whose keeper was killed
        sockets = runner.give(private_folder(socket_folder(runner.home)))
        settings = [
            "listen_addresses=",
            f'unix_socket_directories="{sockets}"',
            "unix_socket_permissions=0700",
            "timezone=UTC",
            "log_timezone=UTC",
            "log_statement=none",
            "log_min_error_statement=panic",  # a failed statement's text may carry a member's data
            "log_parameter_max_length_on_error=0",
            *(LASTING if self.durable else FORGETFUL),
        ]
        server = runner.command(
            "postgres", "-D", str(data_folder(runner.home)), *(f"--{setting}" for setting in settings)
        )
        order = json.dumps({"folder": str(self.folder), "server": server, "identity": runner.identity()})
        keeper = [sys.executable, "-m", "clearing.embedded"]
        made = subprocess.run(keeper, input=order.encode(), capture_output=True, check=False)
        if made.returncode:
            message = (
                f"the keeper of the embedded PostgreSQL did not start: {made.stderr.decode(errors='replace')[-500:]}"
            )
            raise Misconfigured(message)

    def _have_database(self) -> None:
        password = (self.folder / "password").read_text().strip()
        maintenance = _url(socket_folder(self._home()), "postgres", password)
        with psycopg.connect(maintenance, autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (OWNER,)).fetchone():
                connection.execute(f"CREATE DATABASE {OWNER}")


def _url(sockets: Path, database: str, password: str) -> str:
    return f"postgresql://{OWNER}:{password}@/{database}?host={quote(str(sockets), safe='')}"

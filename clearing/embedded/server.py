"""The server's life: whether it is ready, how it ends, and the keeper that is its parent."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from clearing.embedded.locks import open_lock
from clearing.errors import Misconfigured

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
STOP_SECONDS_MAX = 60


def keep(folder: Path, server: Sequence[str], identity: dict[str, Any]) -> None:
    """Be the server's parent until nobody uses it. Returns in the first process as soon as the keeper exists."""
    keeper, users = open_lock(folder / "keeper.lock"), open_lock(folder / "users.lock")
    fcntl.flock(keeper, fcntl.LOCK_EX)
    if os.fork():
        return  # the keeper's copy of the lock stays
    os.setsid()  # a Ctrl-C at the terminal is for the users, not for their database
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with (folder / "postgres.log").open("ab") as log:
        child = subprocess.Popen(
            server,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            **identity,
        )
    for stream in (0, 1, 2):  # whoever reads our output must not wait for us
        os.dup2(os.open(os.devnull, os.O_RDWR), stream)
    threading.Thread(target=lambda: (child.wait(), os._exit(1)), daemon=True).start()
    try:
        fcntl.flock(users, fcntl.LOCK_EX)
    finally:
        child.send_signal(signal.SIGINT)  # PostgreSQL's "fast" shutdown; the thread above ends us with it
        child.wait()
        os._exit(0)


def end_server(data: Path) -> None:
    """Stop the server of `data` if one runs, and forget what a dead one left behind. Only under a lock that keeps others out."""
    status = data / "postmaster.pid"
    with suppress(FileNotFoundError, ValueError, IndexError):
        pid = int(status.read_text().splitlines()[0])
        deadline = time.monotonic() + STOP_SECONDS_MAX
        while _serves(pid, data) and time.monotonic() < deadline:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
            _wait_gone(status, 5)
        if _serves(pid, data):
            message = f"the embedded PostgreSQL (process {pid}) does not stop"
            raise Misconfigured(message)
    status.unlink(missing_ok=True)  # a number in it may by now be somebody else's process


def _wait_gone(status: Path, seconds: int) -> None:
    deadline = time.monotonic() + seconds
    while status.exists() and time.monotonic() < deadline:
        time.sleep(0.01)


def _serves(pid: int, data: Path) -> bool:
    """Whether process `pid` is the server of this very data folder, not a later process with the same number."""
    proc = Path("/proc")
    if (proc / "self").exists():
        with suppress(FileNotFoundError, ProcessLookupError):
            return os.fsencode(data) in (proc / str(pid) / "cmdline").read_bytes().split(b"\0")
        return False
    listed = subprocess.run(["/bin/ps", "-p", str(pid), "-o", "args="], capture_output=True, check=False)
    return os.fsencode(data) in listed.stdout


def says_ready(status: Path) -> bool:
    """Whether the server wrote into its postmaster.pid that it takes connections."""
    with suppress(FileNotFoundError):
        return status.read_text().splitlines()[7:8] == ["ready   "]
    return False


def last_lines(log: Path) -> str:
    """The end of the server's log, on one line."""
    return " / ".join(log.read_text(errors="replace").splitlines()[-4:]) if log.exists() else "no log"

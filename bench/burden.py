"""Who used the processor and the memory: user and system time of processes and of everything below them, and what they held at most."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil
from psycopg import AsyncConnection

SAMPLE_SECONDS = 0.02
WORKERS_EVERY = 10  # samples between two looks for parallel workers
MEGABYTE = 2**20


@dataclass(slots=True)
class Peak:
    """The most memory of its own, in bytes, that one of our processes had: this one or one it began; and that its backend and the workers
    helping it had at once.
    """

    ours: int = 0
    server: int = 0
    watching: float = 0.0
    """Seconds of a processor that looking took, which are this process's own."""

    @property
    def megabytes(self) -> dict[str, int]:
        """The same as columns of a row."""
        return {"ours_mb": self.ours // MEGABYTE, "server_mb": self.server // MEGABYTE}


def own_bytes(process: psutil.Process) -> int:
    """Resident, less what is shared with others (programs' text and shared buffers); nothing of a process that has ended."""
    with suppress(psutil.NoSuchProcess):
        told = process.memory_info()
        return int(told.rss - getattr(told, "shared", 0))
    return 0


@contextmanager
def peak_of(backend: int) -> Iterator[Peak]:
    """Memory, looked at fifty times a second while this runs; `backend` is the process id of a local server's backend."""
    found, ended, us, it = Peak(), threading.Event(), psutil.Process(), psutil.Process(backend)

    def watch() -> None:
        count, helpers, ours = 0, [], [us]
        while not ended.wait(SAMPLE_SECONDS):
            if count % WORKERS_EVERY == 0:
                helpers, ours = _workers(it), [us, *_children(us, it)]
            count += 1
            found.ours = max(found.ours, *map(own_bytes, ours))
            found.server = max(found.server, own_bytes(it) + sum(own_bytes(one) for one in helpers))
            found.watching = time.thread_time()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        ended.set()
        watcher.join()


def _children(us: psutil.Process, backend: psutil.Process) -> list[psutil.Process]:
    """The processes that this one began, but for a server that it did."""
    found = []
    with suppress(psutil.NoSuchProcess):
        server = {one.pid for one in backend.parents()}
        found += [one for one in us.children() if one.pid not in server]
    return found


def _workers(backend: psutil.Process) -> list[psutil.Process]:
    """The server's processes that call themselves workers for this backend."""
    said = f"parallel worker for PID {backend.pid}"
    found = []
    with suppress(psutil.NoSuchProcess):
        server = backend.parent()
        for one in [] if server is None else server.children():
            with suppress(psutil.NoSuchProcess):
                if said in " ".join(one.cmdline()):
                    found.append(one)
    return found


def family(pids: Iterable[int]) -> list[psutil.Process]:
    """These processes and all that they started."""
    found = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            found += [process, *process.children(recursive=True)]
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time used so far by these processes and by all they started, also by those that have ended."""
    total = 0.0
    for process in family(pids):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
            total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


async def postmaster(connection: AsyncConnection[object]) -> int:
    """The process id of the server at the other end of a local connection: its backends are its children."""
    row = await (await connection.execute("SELECT pg_backend_pid()")).fetchone()
    if not isinstance(row, tuple):
        raise TypeError("pg_backend_pid() gave nothing")
    return psutil.Process(int(row[0])).ppid()

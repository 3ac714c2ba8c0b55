"""Who used the processor: user and system time of processes and of everything below them."""

from collections.abc import Iterable
from contextlib import suppress

import psutil
from psycopg import AsyncConnection


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

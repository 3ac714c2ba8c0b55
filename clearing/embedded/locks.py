"""Locks that the kernel lets go of, however their holder ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def open_lock(path: Path) -> int:
    """The file to lock; closing it lets go."""
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """The file to lock, closed at the end."""
    lock = open_lock(path)
    try:
        yield lock
    finally:
        os.close(lock)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock alone, waiting for it."""
    with opened(path) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def try_lock(lock: int) -> bool:
    """Take the lock alone if nobody holds it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

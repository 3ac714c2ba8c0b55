"""Pure work beside the house's own: in a thread, or, where there is much of it, in processes of its own, one for each processor.

A process is begun anew and inherits nothing: no connection, no key. It is given what it works on and gives back what it made.
"""

import asyncio
import gc
import multiprocessing
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

PROCESSORS_MAX = 8

R = TypeVar("R")


class Apart:
    """Where work is done, with what all of it needs."""

    def __init__(self, pool: Executor, size: int, given: object, *, is_far: bool) -> None:
        self._pool, self._given, self._is_far = pool, given, is_far
        self.size = size

    async def do(self, work: Callable[..., R], *told: object) -> R:
        """`work(given, *told)`."""
        loop = asyncio.get_running_loop()
        if self._is_far:
            return await loop.run_in_executor(self._pool, _with_given, work, *told)
        return await loop.run_in_executor(self._pool, work, self._given, *told)


@asynccontextmanager
async def apart(given: object, *, much: bool) -> AsyncIterator[Apart]:
    """A place for work on `given`: processes if there is `much` of it."""
    size = min(os.cpu_count() or 1, PROCESSORS_MAX) if much else 1
    pool: Executor = ThreadPoolExecutor(1)
    if much:
        pool = ProcessPoolExecutor(size, multiprocessing.get_context("spawn"), _begin, (given,))
    try:
        yield Apart(pool, size, given, is_far=much)
    finally:
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)


_given: Any = None


def _begin(given: object) -> None:
    """A process's first and only wish: what it makes is dropped whole, so nobody needs to look for rings in it."""
    global _given  # noqa: PLW0603 - of this process alone
    _given = given
    gc.disable()


def _with_given(work: Callable[..., R], *told: object) -> R:
    return work(_given, *told)

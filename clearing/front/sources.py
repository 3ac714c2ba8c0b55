"""The clock, the dice and the crash points: what rules and ledger are never allowed to reach for themselves."""

import os
import secrets
import signal
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

Points = Callable[[str], None]


def clock() -> datetime:
    """Now."""
    return datetime.now(UTC)


def random(count: int) -> bytes:
    """So many bytes that nobody can foresee."""
    return secrets.token_bytes(count)


def salt() -> bytes:
    """What hides one event of the log."""
    return secrets.token_bytes(32)


def nonce() -> str:
    """A name that no other request of ours has."""
    return secrets.token_urlsafe(18)


def some_id() -> UUID:
    """A random UUID (RFC 9562 version 4)."""
    return UUID(bytes=secrets.token_bytes(16), version=4)


def trace_id() -> str:
    """The name of one request in logs and problem documents (16 bytes, as in W3C Trace Context)."""
    return secrets.token_hex(16)


def no_points(_name: str) -> None:
    """Nothing happens at any step."""


def points(kill_at: str | None) -> Points:
    """At the n-th pass of the named step the process dies without a word, as if its power had failed."""
    if kill_at is None:
        return no_points
    name, _, count = kill_at.partition(":")
    passed: Counter[str] = Counter()

    def point(step: str) -> None:
        passed[step] += 1
        if step == name and passed[step] == int(count):
            os.kill(os.getpid(), signal.SIGKILL)

    return point

"""A circuit breaker: a program that does not answer is left alone for a while, then asked by one call. Pure; the clock is passed in."""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum, auto


class Admission(Enum):
    """Whether a call may go out now."""

    GO = auto()
    """Yes; the caller must say afterwards how it went."""
    WAIT = auto()
    """One call is finding out; whether others may follow is known when it ends."""
    STOP = auto()
    """No, not before `until`."""


class Breaker:
    """Closed until `failures` calls in a row failed; then open for `seconds`; then half open: one call decides."""

    def __init__(self, failures: int, seconds: float, clock: Callable[[], datetime]) -> None:
        self.failures_most = failures
        self.open_for = timedelta(seconds=seconds)
        self.clock = clock
        self.failures = 0
        self.until: datetime | None = None
        self.probing = False

    def admit(self) -> Admission:
        """Ask before every call. After GO, `succeeded`, `failed` or `unused` must follow."""
        if self.until is None:
            return Admission.GO
        if self.probing:
            return Admission.WAIT
        if self.clock() < self.until:
            return Admission.STOP
        self.probing = True
        return Admission.GO

    def succeeded(self) -> None:
        """The program answered: closed, and the count starts anew."""
        self.failures, self.until, self.probing = 0, None, False

    def failed(self) -> None:
        """Nothing came back. A probe that fails opens at once; a late failure of a call sent before does not prolong."""
        self.failures += 1
        probed, self.probing = self.probing, False
        if probed or (self.until is None and self.failures >= self.failures_most):
            self.until = self.clock() + self.open_for

    def unused(self) -> None:
        """Admitted, but nothing was sent after all: the next caller may be the probe."""
        self.probing = False

"""What is counted: requests and ends as they come, and the state of the books when somebody asks. docs/metrics.md lists it.

A scrape costs what is on its way, not what ever was: nothing that has ended is counted again.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from clearing import errors
from clearing.ledger import Writer
from clearing.ledger.items import Item
from clearing.ledger.outcomes import Moved, Outcome
from clearing.ledger.pen import Sealed
from clearing.rules.lifecycle import TERMINAL, State

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
disable_created_metrics()  # type: ignore[no-untyped-call]  # the package types the rest
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Meters:
    """One registry a process; tests open several."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        made: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter(
            "clearing_requests", "Answers by operation and status.", ["operation", "status"], **made
        )
        self.seconds = Histogram(
            "clearing_request_seconds", "Time from first byte to answer.", buckets=_SECONDS, **made
        )
        self.problems = Counter("clearing_problems", "Refusals by code.", ["code"], **made)
        self.exchanges = Gauge(
            "clearing_exchanges", "Exchanges and reversals on their way or with a person, by state.", ["state"], **made
        )
        self.ends = Counter(
            "clearing_exchanges_ended", "Exchanges and reversals that this process ended, by state.", ["state"], **made
        )
        self.unknown = Gauge("clearing_unknown_orders", "Orders whose outcome is being asked again.", **made)
        self.unknown_age = Gauge("clearing_unknown_age_seconds", "Age of the oldest of them.", **made)
        self.cases = Gauge("clearing_open_cases", "Cases that a person must look at.", **made)
        self.ledger_sum = Gauge("clearing_ledger_sum", "Sum of all value entries; anything but 0 is an alarm.", **made)
        self.log_size = Gauge("clearing_log_size", "Leaves in the evidence log.", **made)
        self.queue = Gauge("clearing_lane_waiting", "Items that wait for the lane.", **made)
        self.batches = Gauge("clearing_lane_batches", "Batches written by this process.", **made)
        self.items = Gauge(
            "clearing_lane_items", "Items written by this process; divided by batches: the batch size.", **made
        )
        self.waiting = Gauge(
            "clearing_orders_waiting", "Orders that wait for a program in this process.", ["program"], **made
        )
        self.delivery = Counter(
            "clearing_delivery", "What delivery met, by kind and program.", ["what", "program"], **made
        )
        self.clock = Gauge("clearing_clock_difference_seconds", "By how much the database's clock is ahead.", **made)
        self.sealed_windows = Gauge(
            "clearing_window_sealed", "Events of each window that this process sealed.", ["window", "root"], **made
        )
        self.unsettled = Gauge(
            "clearing_windows_unsettled", "Sealed windows with value in them that are in no run.", **made
        )
        self.low_water = Gauge("clearing_low_water", "Partners with less room left than their low water.", **made)
        self.crossings = Counter(
            "clearing_low_water_crossings", "Falls below a low water that this process saw first.", ["partner"], **made
        )
        self.jobs = Counter(
            "clearing_jobs", "Scheduled jobs that this process did, by outcome.", ["job", "outcome"], **made
        )
        self._answered: dict[tuple[str, int], Any] = {}

    def answered(self, operation: str, status: int, seconds: float) -> None:
        """One answer more."""
        child = self._answered.get((operation, status))
        if child is None:
            child = self._answered[operation, status] = self.requests.labels(operation, status)
        child.inc()
        self.seconds.observe(seconds)

    def delivered(self, what: str, program: str, count: int) -> None:
        """Delivery met this so many times."""
        self.delivery.labels(what, program).inc(count)

    def ended(self, state: State) -> None:
        """An exchange came to its end."""
        self.ends.labels(state).inc()

    def sealed(self, sealed: Sealed) -> None:
        """A window was sealed."""
        self.sealed_windows.labels(sealed.window.code, sealed.root.hex()).set(sealed.events)

    def job(self, name: str, outcome: str) -> None:
        """A scheduled job was done, or failed."""
        self.jobs.labels(name, outcome).inc()

    def states(self, counted: Mapping[str, int]) -> None:
        """Exchanges by state, anew; a state without any says 0."""
        for state in State:
            if state not in TERMINAL:
                self.exchanges.labels(state).set(counted.get(state, 0))

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)


class CountedWriter(Writer):
    """The lane's writer, which tells each end that it wrote. One end is told once: what is only said again moves nothing."""

    def __init__(self, *given: Any, ended: Callable[[State], None], **named: Any) -> None:
        super().__init__(*given, **named)
        self._ended = ended

    def _asked(self, items: list[Item]) -> "asyncio.Future[list[Outcome | errors.ClearingError]]":
        asked = super()._asked(items)
        asked.add_done_callback(self._count)
        return asked

    def _count(self, asked: "asyncio.Future[list[Outcome | errors.ClearingError]]") -> None:
        for outcome in () if asked.cancelled() else asked.result():
            if isinstance(outcome, Moved) and outcome.exchange is not None and outcome.state in TERMINAL:
                self._ended(outcome.state)

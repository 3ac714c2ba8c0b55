"""What a writer writes a lane with: its connection, the calendar, the numbers of accounts, and what it remembers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from clearing.database import statement
from clearing.ledger.book import Chart
from clearing.ledger.memory import Memory
from clearing.pipeline import Pipeline, Statement
from clearing.rules.windows import Window


@dataclass(frozen=True, slots=True)
class Sealed:
    """A window that a batch has sealed: how many events it has, how many the log had then, and the root of all of those."""

    window: Window
    events: int
    size: int
    root: bytes


Wanted = Sequence[tuple[str, Mapping[str, Any]]]
"""Names of statements and their values; the lane is added to each."""


@dataclass(slots=True)
class Pen:
    """What a writer brings to every batch: its lane, its connection, and what enters at the front door."""

    lane: int
    pipeline: Pipeline
    calendar: Sequence[Window]
    clock: Callable[[], datetime]
    salts: Callable[[], bytes]
    points: Callable[[str], None]
    writer: UUID
    chart: Chart
    clock_difference_max: timedelta | None = None  # None: the clock is not the world's, as in tests
    sealed: Callable[[Sealed], None] = lambda _sealed: None  # told once a seal is committed
    version: int = 0  # of the calendar; a later one is read as soon as the lane goes by it
    memory: Memory = field(default_factory=Memory)
    capped: set[int] = field(default_factory=set)  # accounts that are known to have a row among the caps
    planned: int = 0  # the log's size when plans were last made, as its number of bits


async def open_pen(
    connection: AsyncConnection[Any],
    lane: int,
    *,
    calendar: Sequence[Window],
    clock: Callable[[], datetime],
    salts: Callable[[], bytes],
    points: Callable[[str], None],
    writer: UUID,
    clock_difference_max: timedelta | None = None,
    sealed: Callable[[Sealed], None] = lambda _sealed: None,
) -> Pen:
    """A pen for this lane. The connection is its own from now on."""
    pipeline = Pipeline(connection)
    _, charted = await pipeline.run([(statement("lane_session"), {}), (statement("read_chart"), {})])
    return Pen(lane, pipeline, calendar, clock, salts, points, writer, chart_of(charted), clock_difference_max, sealed)


def of_lane(pen: Pen, wanted: Wanted) -> list[Statement]:
    """These statements, for this lane."""
    return [(statement(name), {"lane": pen.lane, **values}) for name, values in wanted]


async def load_chart(pen: Pen) -> None:
    """Read the numbers again: a program or partner was met that the pen does not know."""
    (found,) = await pen.pipeline.run([(statement("read_chart"), {})])
    pen.chart = chart_of(found)


async def load_calendar(pen: Pen, version: int) -> None:
    """Read the calendar that counts from now on. Under the lane's lock, or it may be out of date before it is used."""
    (found,) = await pen.pipeline.run([(statement("calendar_list"), {})])
    pen.calendar, pen.version = [Window(*row) for row in found], version


def chart_of(found: Iterable[Sequence[Any]]) -> Chart:
    """The numbers of all programs and partners, from the rows of `read_chart`."""
    listed = list(found)
    programs = {program: (number, owner) for program, number, _, owner in listed if program is not None}
    return Chart(programs, {partner: owner for _, _, partner, owner in listed})

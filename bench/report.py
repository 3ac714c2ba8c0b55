"""What every bench is told and what it hands back: rows, what their columns mean, and on which machine they were measured."""

import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import psutil

Row = dict[str, Any]

FSYNCS = 40
SPINS = 40


@dataclass(frozen=True, slots=True)
class Options:
    """How much to measure. `count` and `seconds` shorten a run; without them each bench takes what it needs for a steady figure."""

    count: int | None = None  # most exchanges (or loops) of one measurement
    seconds: float | None = None  # no new round begins after so long
    rounds: int | None = None  # how often everything is measured; the row is the median
    database_url: str | None = None  # none: an embedded server of its own
    lines: int | None = None  # matching: one size instead of all
    pgledger: Path | None = None
    profile: Path | None = None
    say: Callable[[str], None] = lambda _line: None

    def most(self, usual: int) -> int:
        """How many of something that usually takes `usual`."""
        return usual if self.count is None else max(1, min(usual, self.count))


@dataclass(frozen=True, slots=True)
class Report:
    """One bench: its rows; `units` says what a column means, `notes` what was and was not done."""

    bench: str
    rows: list[Row]
    units: dict[str, str]
    notes: list[str] = field(default_factory=list)


class Rounds:
    """Counts rounds: `while rounds.more():` ends after `usual`, or when the time is up, but never before the first."""

    def __init__(self, options: Options, usual: int, seconds: float) -> None:
        self.done = 0
        self._most = options.rounds or usual
        self._until = time.monotonic() + (options.seconds or seconds)

    def more(self) -> bool:
        """Whether another round begins."""
        if self.done and (self.done >= self._most or time.monotonic() > self._until):
            return False
        self.done += 1
        return True


def middle(values: Sequence[float]) -> float:
    """The median."""
    return median(values)


def spread(values: Sequence[float]) -> float:
    """How far rounds differ: largest minus smallest, in percent of the median. The noise of the machine, seen in the figure itself."""
    return round(100 * (max(values) - min(values)) / median(values), 1)


def machine() -> Row:
    """Where this was measured, and how noisy it was: what else ran, what an fsync takes, how steadily a fixed loop ran."""
    spins = sorted(_spin() for _ in range(SPINS))
    return {
        "cpu": _cpu(),
        "cores": len(psutil.Process().cpu_affinity() or []) if sys.platform == "linux" else os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "fsync_us": round(_fsync_us()),
        "spin_median_to_best": round(median(spins) / spins[0], 2),
        "spin_worst_to_best": round(spins[-1] / spins[0], 2),
    }


def _spin() -> float:
    started = time.perf_counter()
    data = b"x"
    for _ in range(4000):
        data = sha256(data).digest()
    return time.perf_counter() - started


def _fsync_us() -> float:
    """What one durable write of 8 KiB takes in the folder where the database will be."""
    took = []
    with (
        TemporaryDirectory(prefix="clearing-bench-") as folder,
        (Path(folder) / "page").open("wb", buffering=0) as file,
    ):
        for _ in range(FSYNCS):
            started = time.perf_counter()
            file.write(b"p" * 8192)
            os.fsync(file.fileno())
            took.append(1e6 * (time.perf_counter() - started))
    return median(took)


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

"""The driver of the crash harness: lives of a house that fall one after the other, and a look at both sides in between.

A scenario asks for one exchange for every fault script of each side at once. Its first life falls at a named step, its second at another
soon after it began, its third is left to end; callers who heard nothing ask again with the same key.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import process as processes
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple
from uuid import UUID

from clearing.rules.lifecycle import Kind
from tests.forks import FORKS
from tests.stories import crash_child, invariants
from tests.stories.crash_child import FELL, Run
from tests.stories.far_sides import AT_SOURCE, AT_TARGET, AT_THIRD, ORDINARY, Wish, World

LEDGER = tuple([f"{verb}.{at}" for verb in ("post", "void") for at in ("decided", "written", "committed")])
RESERVE = ("reserve.decided", "reserve.written", "reserve.committed")
REVERSE = ("reverse.decided", "reverse.written", "reverse.committed")
DELIVER = tuple(
    [f"deliver.{at}" for at in ("before_send", "sent", "heard", "before_record", "recorded", "queued", "claimed")]
)
FORWARD = ("lane.locked", *RESERVE, *DELIVER, *LEDGER)
STEPS = {
    "held": FORWARD,
    "debited": FORWARD,
    "kiosk": (*FORWARD, "deliver.marked"),  # falls only where it delivers: its books are like the others'
    "reversal": ("lane.locked", *REVERSE, *DELIVER, *LEDGER[3:]),
    "issued": FORWARD,
    "spent": FORWARD,
    "undone": ("lane.locked", *REVERSE, *DELIVER, *LEDGER[3:]),
}
"""Every named step that a scenario of this kind passes; the dry run must pass these and no others."""
SECOND = (
    ("deliver.claimed", 1),
    ("lane.locked", 2),
    ("deliver.before_send", 1),
    ("lane.locked", 5),
    ("deliver.before_record", 1),
    ("deliver.recorded", 2),
    ("lane.locked", 3),
    ("deliver.heard", 1),
)
_AGAIN = (("reverse.written", "first"), ("deliver.sent", "middle"), ("deliver.before_record", "late"))
ALONE = {
    "issued": (("reserve.committed", "middle"), ("deliver.sent", "first"), ("post.committed", "late")),
    "spent": (
        ("deliver.heard", "middle"),
        ("post.written", "first"),
        ("void.committed", "middle"),
        ("lane.locked", "late"),
    ),
    "undone": _AGAIN,
}
"""What one partner does alone, and its undoing, falls at a few steps only: rooms and writer are those of the kinds before."""
PLACES = {"first": 0.0, "middle": 0.4, "late": 0.7}
LIFE_SECONDS_MAX = 90
NEVER = ("", 0)
ORIGINALS_TRIES = 5
_starting = Lock()


class Fall(NamedTuple):
    """Where the first life of a scenario ends: a step, and how far into the hits that the dry run counted."""

    kind: str
    step: str
    place: str
    side: str = "both"
    zombie: bool = False


class Ended(NamedTuple):
    """What became of a scenario: whether its first life fell (or slept) where it should, how many exchanges the books have of it."""

    fall: Fall
    fell: bool
    exchanges: int
    violations: tuple[str, ...]


class Tally(NamedTuple):
    """A line of crash_report.txt: as it is planned, or as it was counted while it ran."""

    steps: int
    scenarios: int
    exchanges: int
    violations: int


def falls(kind: str) -> list[Fall]:
    """Every step of this kind, at one place of three in turn, against the faults of both sides.

    The kiosk falls where it is asked: elsewhere its exchanges are like any other. What only it has, and a reversal's beginning, fall at
    every place.
    """
    if kind in ALONE:
        return [Fall(kind, step, place) for step, place in ALONE[kind]]
    turn, places = tuple(STEPS).index(kind), tuple(PLACES)
    steps = [step for step in STEPS[kind] if kind != "kiosk" or step.startswith(("lane", "deliver"))]
    found = [Fall(kind, step, places[(n + turn) % 3]) for n, step in enumerate(steps)]
    everywhere = {"reversal": REVERSE, "kiosk": ("deliver.marked",)}.get(kind, ())
    found += [Fall(kind, step, place) for step in everywhere for place in places]
    return list(dict.fromkeys(found))


def zombies() -> list[Fall]:
    """Lives that are stopped while they deliver, and wake when another has done their work."""
    kinds = tuple(STEPS)[:4]
    turns = [(number, step, shift) for number, step in enumerate(DELIVER) for shift in (0, 2)]
    found = [Fall(kinds[(n + shift) % 4], step, "middle", zombie=True) for n, step, shift in turns]
    return [*found, Fall("kiosk", "deliver.marked", "middle", zombie=True)]


def wishes(world: World, kind: str, side: str = "both") -> tuple[Wish, ...]:
    """One exchange for each fault on each side asked for, a few ordinary ones, and two that are cancelled."""
    if kind in {"reversal", "undone"}:
        return _reversals(world, side, alone=kind == "undone")
    if kind == "issued":
        return tuple([world.alone("airline", Kind.ACCRUAL, points) for points in (*AT_SOURCE, *ORDINARY)])
    if kind == "spent":
        later = (False, True)
        return tuple(
            [world.alone("hotel", Kind.REDEMPTION, points, later=one) for points in AT_SOURCE for one in later]
        )
    source = {"held": "hotel", "debited": "shop", "kiosk": "kiosk"}[kind]
    at_target = ("airline", "kiosk", AT_THIRD) if kind == "kiosk" else (source, "airline", AT_TARGET)
    asked = [] if side == "target" else [world.wish(source, "airline", sent) for sent in AT_SOURCE]
    asked += [] if side == "source" else [world.wish(*at_target[:2], sent) for sent in at_target[2]]
    asked += [world.wish(source, "airline", sent, cancels=True) for sent in ORDINARY[:2]]
    asked += [world.wish(source, "airline", sent) for sent in ORDINARY[2:]]
    return tuple(asked[0::2] + asked[1::2])  # neighbours in the table are not neighbours in a request


def _reversals(world: World, side: str, *, alone: bool = False) -> tuple[Wish, ...]:
    """In part, one for each fault on each side asked for; and one of all that is left. What was done `alone` has one side."""
    amounts = [*(AT_SOURCE if side != "target" else ()), *(AT_TARGET if side != "source" and not alone else ())]
    originals = _originals(world, len(amounts) + 1, alone=alone)
    asked = [
        Wish(world.key(), source, world.accounts[source], world.accounts["airline"], sent, UUID(str(original)))
        for (original, source), sent in zip(originals, [*amounts, None], strict=True)
    ]
    return tuple(asked)


def _originals(world: World, count: int, *, alone: bool) -> list[tuple[Any, str]]:
    """Completed exchanges with enough left that no reversal is busy with; made where they are missing."""
    query = (
        "SELECT exchange_id, partner FROM exchange AS one WHERE state = 'completed' AND original_id IS NULL"
        " AND CASE WHEN sent = 0 THEN received ELSE sent END - reversed > 900000 AND NOT EXISTS (SELECT 1 FROM exchange AS two WHERE"
        " two.original_id = one.exchange_id AND two.ended_at IS NULL) ORDER BY exchange_id LIMIT %s"
    )
    for _ in range(ORIGINALS_TRIES):  # on a machine that is busy elsewhere, an exchange may end with a person
        if missing := count - len(world.rows(query, count)):
            end(world, *[_original(world, n, alone=alone) for n in range(missing)])
    return world.rows(query, count)


def _original(world: World, number: int, *, alone: bool) -> Wish:
    if not alone:
        return world.wish(("hotel", "shop")[number % 2], "airline", 3_000_000)
    if number % 3 == 0:
        return world.alone("airline", Kind.ACCRUAL, 3_000_000)
    return world.alone("hotel", Kind.REDEMPTION, 3_000_000, later=number % 3 == 1)


@contextmanager
def life(run: Run) -> Iterator[Any]:
    """One life of the house, as a process."""
    process = FORKS.Process(target=crash_child.begin, args=(run,))
    with _starting:  # a start looks after all children that are known, and would read the end of another thread's
        process.start()
        processes._children.discard(process)  # type: ignore[attr-defined]
    try:
        yield process
    finally:
        if process.is_alive():
            process.kill()
        process.join()


def _ended(process: Any) -> int | None:
    process.join(LIFE_SECONDS_MAX)
    return process.exitcode


def receipts(world: World) -> list[dict[str, Any]]:
    """What callers heard so far."""
    path = world.folder / "receipts.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def dry_run(world: World, kind: str) -> dict[str, int]:
    """A life without a fall: how often each step was passed."""
    if (code := _lived(Run(world.url, world.folder, wishes(world, kind)))) != 0:
        raise AssertionError(_odd(world.folder, f"the dry run ended with {code}"))
    passed: dict[str, int] = json.loads((world.folder / "passed.json").read_text())
    return passed


def scenario(world: World, number: int, fall: Fall, hits: int, bug: str | None = None) -> Ended:
    """Fall, fall again, recover; what was found on the way."""
    hit = max(1, round(hits * PLACES[fall.place]))
    base = Run(world.url, world.folder, wishes(world, fall.kind, fall.side), (fall.step, hit), bug=bug)
    fell, found, base = _zombie(world, base, fall) if fall.zombie else _fallen(world, base, fall, number)
    found += _recovered(world, base)
    named = " ".join([fall.kind, fall.step, fall.place, *(["zombie"] if fall.zombie else [])])
    keys = [wish.key for wish in base.wishes]
    ((kept,),) = world.rows("SELECT count(*) FROM exchange WHERE idempotency_key = any(%s)", keys)
    return Ended(fall, fell, kept, tuple([f"{named}: {line}" for line in found]))


def _fallen(world: World, base: Run, fall: Fall, number: int) -> tuple[bool, list[str], Run]:
    """Two lives that fall, each looked after. Where the first one ended before it came to its step, another falls earlier.

    What is told last is what was asked for in the end: its callers ask again.
    """
    while (code := _lived(base)) == 0 and (hit := base.falls[1]) > 1:
        base = replace(base, wishes=wishes(world, fall.kind, fall.side), falls=(fall.step, hit // 2))
    fell = code == FELL
    found = [] if fell else [_odd(world.folder, f"the first life ended with {code}")]
    found += invariants.after_a_crash(world, receipts(world))
    code = _lived(replace(base, falls=SECOND[number % len(SECOND)]))
    found += [] if code in {FELL, 0} else [_odd(world.folder, f"the second life ended with {code}")]
    return fell, found + invariants.in_flight(world, receipts(world)), base


def _lived(run: Run) -> int | None:
    with life(run) as process:
        return _ended(process)


def _odd(folder: Path, line: str) -> str:
    return f"I3 {line}: {(folder / 'child.log').read_text()[-2000:]}"


def end(world: World, *asked: Wish, decisions: tuple[tuple[int, str], ...] = (), patient: bool = False) -> None:
    """A life without a fall, until nothing is open."""
    if (code := _lived(Run(world.url, world.folder, asked, decisions=decisions, patient=patient))) != 0:
        raise AssertionError(_odd(world.folder, f"a life ended with {code}"))


class NeverSleptError(AssertionError):
    """The life ended before it came to the step at which it was to be stopped."""


@contextmanager
def asleep(run: Run) -> Iterator[Callable[[], int | None]]:
    """A life that was stopped in mid-step; call what this gives to wake it, and learn how it ended."""
    with life(replace(run, stops=True)) as sleeper:
        pid = sleeper.pid or 0
        if not until(lambda: _sleeps(pid) or not sleeper.is_alive()) or not sleeper.is_alive():
            raise NeverSleptError(_odd(run.folder, "the house never slept"))

        def wake() -> int | None:
            os.kill(pid, signal.SIGCONT)
            return _ended(sleeper)

        yield wake


def _zombie(world: World, base: Run, fall: Fall) -> tuple[bool, list[str], Run]:
    """The first life is stopped in mid-step, its leases lapse and another ends its work; then it wakes and goes on.

    Where it ended before it could be stopped, another is stopped earlier.
    """
    try:
        with asleep(base) as wake:
            code = _lived(replace(base, falls=NEVER))
            found = [] if code == 0 else [_odd(world.folder, f"the life beside a zombie ended with {code}")]
            code = wake()
    except NeverSleptError as awake:
        if (hit := base.falls[1]) == 1:
            return False, [str(awake)], base
        earlier = replace(base, wishes=wishes(world, fall.kind, fall.side), falls=(fall.step, hit // 2))
        return _zombie(world, earlier, fall)
    return True, found if code == 0 else [*found, _odd(world.folder, f"the zombie ended with {code}")], base


def _sleeps(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(holds: Callable[[], bool], seconds: float = LIFE_SECONDS_MAX) -> bool:
    """Whether it came to hold within a bound."""
    over = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > over:
            return False
        time.sleep(0.01)
    return True


def _recovered(world: World, base: Run) -> list[str]:
    code = _lived(replace(base, falls=NEVER))
    found = invariants.at_rest(world, receipts(world))
    return found if code == 0 else [_odd(world.folder, f"the recovery ended with {code}"), *found]


def planned(part: list[Fall]) -> Tally:
    """What these scenarios are to be, when nothing is found."""
    return Tally(len({fall.step for fall in part}), len(part), sum(map(_asked, part)), 0)


def counted(part: list[Ended]) -> Tally:
    """What these scenarios were: steps at which a house really fell, exchanges that are in its books, violations that were found."""
    steps = {one.fall.step for one in part if one.fell}
    found = sum(len(one.violations) for one in part)
    return Tally(len(steps), len(part), sum(one.exchanges for one in part), found)


def line(name: str, tally: Tally) -> str:
    """A line of crash_report.txt."""
    return f"{name:<9} {tally.steps:>5} {tally.scenarios:>10} {tally.exchanges:>10} {tally.violations:>11}"


def report() -> str:
    """What the harness is to do: the text of crash_report.txt. Each part of a run is compared with its line there, as it was counted."""
    plan = {kind: falls(kind) for kind in STEPS} | {"zombies": zombies()}
    every = [fall for part in plan.values() for fall in part]
    lines = [
        "kind      steps  scenarios  exchanges  violations",
        *(line(kind, planned(part)) for kind, part in plan.items()),
        line("all", planned(every)),
        "",
        f"Every scenario but those of zombies falls twice; each meets all {len(AT_SOURCE)} faults on every side that it has.",
    ]
    return "\n".join(lines) + "\n"


def _asked(fall: Fall) -> int:
    if fall.kind in ALONE:
        more = {"issued": len(ORDINARY), "spent": len(AT_SOURCE), "undone": 1}
        return len(AT_SOURCE) + more[fall.kind]
    sides = 2 if fall.side == "both" else 1
    return sides * len(AT_SOURCE) + (1 if fall.kind == "reversal" else len(ORDINARY))

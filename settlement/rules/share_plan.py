"""What a run shares: which version of each contract a window goes by, its base out of the books' sums, and what is to be given back.

A window goes by the version in force when it opened, and belongs to the period in which it opened. What was reversed in the window of its
original is taken off its base; what is reversed later is given back at the terms of that window, whatever is in force by then.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from settlement.rules.contracts import Contract, Figure, Of
from settlement.rules.sharing import Before, share
from settlement.rules.waterfall import Base, Sharing, Undone, Version, lines

THIS_RUN = "this run"
"""What a run is called among its own inputs, where it gives back what it shares of another of its windows: no run has this name."""

Sums = Mapping[Of, Mapping[tuple[int, int | None], int]]
"""What was booked of each figure, by the window of the booking and, of a reversal, that of its original. Signs are those of the books."""


@dataclass(frozen=True, slots=True)
class Published:
    """A version with its document."""

    name: Version
    contract: Contract
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """A window by its number and code, and from when to when it was open."""

    number: int
    code: str
    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Original:
    """A base that was shared before, by which run, when its window opened, what its period had seen then, and what was undone of it."""

    run: str
    opens_at: datetime
    base: Base
    after: Before
    undone: int = 0


@dataclass(slots=True)
class _Plan:
    """What was decided so far."""

    bases: list[Base] = field(default_factory=list)
    known: dict[tuple[str, int], Original] = field(default_factory=dict)
    last: dict[str, Original] = field(default_factory=dict)


def in_force(contracts: Iterable[Contract], code: str, at: datetime) -> Contract | None:
    """The version of this contract by which a window that opens at this instant goes."""
    begun = [one for one in contracts if one.contract == code and one.valid_from is not None and one.valid_from <= at]
    last = max(begun, key=lambda one: one.version, default=None)
    return None if last is None or (last.valid_to is not None and last.valid_to <= at) else last


def plan(
    published: Sequence[Published],
    windows: Sequence[Span],
    sums: Sums,
    originals: Iterable[Original],
) -> Sharing:
    """Everything that a run over these windows shares. `originals`: the last base of each contract before, and all that was reversed."""
    made = _Plan()
    for known in sorted(originals, key=lambda one: one.base.number):
        made.known[known.base.contract, known.base.number] = made.last[known.base.contract] = known
    contracts = sorted({one.name.contract for one in published})
    for window in windows:
        for code in contracts:
            _share(made, published, window, sums, code)
    undone = _undone(made, published, windows, sums)
    used = {(one.contract, one.version) for one in (*made.bases, *(each.base for each in undone))}
    documents = [(one.name, one.document) for one in published if (one.name.contract, one.name.version) in used]
    return Sharing(tuple(sorted(documents, key=lambda one: one[0])), tuple(made.bases), tuple(undone))


def _share(made: _Plan, published: Sequence[Published], window: Span, sums: Sums, code: str) -> None:
    versions = [one.contract for one in published]
    contract = in_force(versions, code, window.opens_at)
    if contract is None or contract.period is None or contract.gross.of is None:
        return
    period, before, last = contract.period.of(window.opens_at), Before(), made.last.get(code)
    if last is not None and contract.period.of(last.opens_at) == period:
        before = last.after
    ends = contract.period.of(window.closes_at) != period or in_force(versions, code, window.closes_at) is None
    base = Base(
        code,
        contract.version,
        window.number,
        window.code,
        _figure(sums, contract.gross.of, window.number),
        before,
        ends,
    )
    shared = share(contract, base.micros, before, closing=ends)
    if not base.micros and not lines(shared.legs):
        return
    made.bases.append(base)
    known = Original(THIS_RUN, window.opens_at, base, shared.after)
    made.known[code, window.number] = made.last[code] = known


def _figure(sums: Sums, of: Of, window: int) -> int:
    """The base: what was booked in the window, less what was reversed of it in the window itself."""
    found = sums.get(of, {})
    booked = found.get((window, None), 0) + found.get((window, window), 0)
    return -booked if of.figure is Figure.FEE else booked  # income stands below zero in the books


def _undone(made: _Plan, published: Sequence[Published], windows: Sequence[Span], sums: Sums) -> list[Undone]:
    """What the windows reversed of bases of earlier ones, by contract and window of the original."""
    terms = {(one.name.contract, one.name.version): one.contract.gross.of for one in published}
    back: dict[tuple[str, int], int] = defaultdict(int)
    for (code, number), known in made.known.items():
        of = terms[code, known.base.version]
        if of is None:
            continue
        sign = 1 if of.figure is Figure.FEE else -1
        for window in windows:
            if window.number != number:
                back[code, number] += sign * sums.get(of, {}).get((window.number, number), 0)
    given = [(made.known[name], amount) for name, amount in sorted(back.items()) if amount]
    return [Undone(known.run, known.base, known.undone, known.undone + amount) for known, amount in given]

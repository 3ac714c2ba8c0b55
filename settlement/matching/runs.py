"""A run: all books of a partner's window against ours. Totals first, then passes from certain to careful, then what is left is classed.

Each pass sees only what none before it matched, and the primary keys of the match tables allow an item one match a run. Everything is one
transaction: a run is whole, or it never was.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import psycopg

from clearing import errors
from settlement.matching.rows import Connection, Row, row, rows
from settlement.rules.breaks import SUGGESTED_WITHIN, aged

PASSES = ("pass_1_exchange", "pass_2_reference", "pass_3_date", "pass_4_groups")
AT_ONCE_MAX = 10
_SET_BASED = (
    "SET LOCAL work_mem = '64MB'",
    "SET LOCAL jit = off",
    "SET LOCAL statement_timeout = '300s'",
    "SET LOCAL lock_timeout = '300s'",  # of two runs at once, one waits until the other is whole
)
# What is grouped by sorting comes in the order of the key under which it is written: an index that grows at its end is soon written.
_IN_ORDER = "SET LOCAL enable_hashagg = off"
# The tables were filled a moment ago and nobody analysed them: sets are hashed and sorted, never walked for each other.
_NEVER_WALKED = "SET LOCAL enable_nestloop = off"


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run found. Sums in millionths; `matched` counts lines by pass, `breaks` by class."""

    run: int
    our_lines: int
    our_debit: int
    our_credit: int
    their_lines: int
    their_debit: int
    their_credit: int
    matched: dict[int, int]
    matched_ours: dict[int, int]
    breaks: dict[str, int]

    @property
    def totals_agree(self) -> bool:
        """Whether both books add up to the same; items are compared all the same, since errors can cancel."""
        return (self.our_debit, self.our_credit) == (self.their_debit, self.their_credit)


async def match(
    connection: Connection,
    *,
    lane: int,
    partner: str,
    account: int,
    window_id: int,
    neighbours: Sequence[int],
    at: datetime,
) -> Summary:
    """Compare the partner's books of this window with what was booked on its position, account number `account`.

    `neighbours` are the windows before and after, where what is missing may have gone. The same books at the same instant give the
    same matches and the same breaks.
    """
    for _ in range(AT_ONCE_MAX):
        with suppress(psycopg.errors.UniqueViolation):  # another run took this number meanwhile; it is whole by now
            return await _run(connection, lane, partner, account, window_id, neighbours, at)
    raise errors.Unavailable("too many runs at once", retry_after=5)


async def _run(
    connection: Connection,
    lane: int,
    partner: str,
    account: int,
    window_id: int,
    neighbours: Sequence[int],
    at: datetime,
) -> Summary:
    async with connection.transaction():
        for setting in _SET_BASED:
            await connection.execute(setting)
        found = await row(connection, "run_next")
        run = 1 if found is None else found["run"]
        named = {"run": run, "partner": partner, "window_id": window_id}
        await _our_lines(connection, lane, account, named)
        totals = await row(connection, "match_insert", at=at, **named)
        for one in PASSES:
            await rows(connection, one, **named)
        owner, due_at = aged(at, at)
        more = {"at": at, "lane": lane, "within": SUGGESTED_WITHIN, "owner": owner, "due_at": due_at}
        await rows(connection, "breaks_find", neighbours=list(neighbours), **more, **named)
        await rows(connection, "breaks_clear", at=at, **named)
        counted = await rows(connection, "run_summary", run=run)
    return _summary(run, totals or {}, counted)


async def _our_lines(connection: Connection, lane: int, account: int, named: Row) -> None:
    """Our side of the window. Exchanges of a window that is much of the log are read in one go, those of a small one by their keys."""
    span = await row(connection, "our_span", lane=lane, window_id=named["window_id"])
    if span is None or span["is_much"]:
        await connection.execute(_NEVER_WALKED)
    if span is not None:
        await connection.execute(_IN_ORDER)
        asked = {"first": span["first"], "until": span["until"], "lane": lane, "account": account}
        await rows(connection, "our_lines_insert", **asked, **named)
        await connection.execute("SET LOCAL enable_hashagg = on")
    await connection.execute(_NEVER_WALKED)


def _summary(run: int, totals: Row, counted: list[Row]) -> Summary:
    def of(kind: str) -> dict[str, int]:
        return {one["name"]: one["lines"] for one in counted if one["kind"] == kind}

    return Summary(
        run,
        **totals,
        matched={int(name): lines for name, lines in of("pass").items()},
        matched_ours={int(name): lines for name, lines in of("ours").items()},
        breaks=of("class"),
    )

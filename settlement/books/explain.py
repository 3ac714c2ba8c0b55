"""What a figure is made of: figure → exchange → entries, with the versions that priced it, who funds it, and the signed request.

A figure is what an account gained in a span, by the kept sums; its leaves are entries. A page brings forward what came before it, so the
leaves of all pages add up to the figure exactly. An exchange is explained with its reversals, in every account that they touched. A figure
that is the sum of other figures is told by these parts, each of which can be asked for in its turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from clearing import errors
from clearing.ledger import history
from clearing.rules.agreements import HOUSE
from settlement.books.chart import Chart, Connection, Row, rows
from settlement.books.spans import Span, closing, of_windows, opening, span_of
from settlement.rules.journal import BookAccount

BEGINNING = (-1, 0)
PAGE = 500

Place = tuple[int, int]
"""An entry's event in the log, and its line."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One entry: where it stands in the log, when and by which event it was booked."""

    place: Place
    at: datetime
    event: str
    exchange_id: UUID
    account: BookAccount
    window_id: int | None
    amount: int


@dataclass(frozen=True, slots=True)
class Cause:
    """The exchange or reversal that entries come from: what priced it, who funds its bonus, and the request that asked for it.

    An adjustment or payment of settlement comes from the house; its `terms` are its reason and its reference.
    """

    exchange_id: UUID
    kind: str
    path: str
    original_id: UUID | None
    partner: str
    state: str
    source_program: str | None
    target_program: str | None
    terms: str
    card: str | None
    agreements: tuple[str, ...]
    shares: tuple[tuple[str, str, int, int], ...]
    evidence_id: UUID | None
    key_id: str | None
    signed_at: datetime | None

    def to(self, reader: str) -> bool:
        """Whether this partner asked for it, and so knows its own request."""
        return self.partner == reader


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a figure. `figure`, and `window`, are what to ask for next, if there is more; `evidence_id` is the request that says it."""

    what: str
    amount: int
    figure: str | None = None
    window: str | None = None
    evidence_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """One page of an explanation. `account` is None for what is of several, `figure` for an exchange, which is of several units.

    `whole`, where a reader is given its own leaves alone: the sum of everybody's. Every page has all `parts`; they and the leaves add up to
    the figure. `cash`, of a position in a window: the money that was paid meanwhile, which is of none and not in the figure.
    `shown_to` is the partner that may see every leaf, whose accounts they are aside.
    """

    account: BookAccount | None
    figure: int | None
    brought: int
    leaves: tuple[Leaf, ...]
    causes: tuple[Cause, ...]
    following: Place | None
    whole: int | None = None
    parts: tuple[Part, ...] = ()
    cash: int | None = None
    shown_to: str | None = None

    @property
    def carried(self) -> int:
        """The sum of all leaves up to the end of this page. Law: on the last page, the figure; of a reader's own, their sum."""
        return self.brought + sum(leaf.amount for leaf in self.leaves)

    @property
    def adds_up(self) -> bool:
        """Whether the leaves are the figure, or more of them are to come; of an exchange, whether every unit is at zero."""
        if self.whole is not None:
            return self.whole == self.figure
        if self.following is not None:
            return True
        if self.figure is not None:
            return self.carried + sum(part.amount for part in self.parts) == self.figure
        sums: dict[str, int] = {}
        for leaf in self.leaves:
            unit = "" if leaf.account.in_value else leaf.account.owner
            sums[unit] = sums.get(unit, 0) + leaf.amount
        return not any(sums.values())


async def explain_account(
    connection: Connection,
    chart: Chart,
    account: BookAccount,
    span: Span,
    after: Place = BEGINNING,
    most: int = PAGE,
    *,
    own: bool = False,
) -> Explained:
    """What an account gained in a span, entry by entry. `own`: by the entries of its windows alone, without money that moved meanwhile."""
    number, windows = account.number, list(span.windows) if own else None
    figure = (await closing(connection, span)).get(number, 0) - (await opening(connection, span)).get(number, 0)
    cash = None
    if own:
        gained, figure = figure, (await of_windows(connection, span)).get(number, 0)
        cash = gained - figure
    page = await page_of(connection, chart, span, number, after, most, windows=windows)
    return Explained(account, figure, *page, cash=cash)


async def page_of(
    connection: Connection,
    chart: Chart,
    span: Span,
    account: int,
    after: Place,
    most: int,
    *,
    windows: list[int] | None = None,
    sign: int = 0,
) -> tuple[int, tuple[Leaf, ...], tuple[Cause, ...], Place | None]:
    """A page of entries of an account: what came before it, the entries, their causes, and where the next begins.

    `windows`: only theirs. `sign`: only entries above zero (+1), or below it (-1).
    """
    told: dict[str, Any] = {"lane": span.lane, "first": span.first, "until": span.until, "account": account}
    told |= {"after_seq": after[0], "after_line": after[1], "windows": windows, "sign": sign}
    brought = (await rows(connection, "explain_brought", **told))[0]["brought"]
    found = await rows(connection, "explain_leaves", **told, exchange_id=None, most=most + 1)
    leaves = leaves_of(chart, found[:most])
    following = leaves[-1].place if len(found) > most else None
    return brought, leaves, await causes_of(connection, span.lane, [leaf.exchange_id for leaf in leaves]), following


async def explain_exchange(connection: Connection, chart: Chart, lane: int, exchange_id: UUID) -> Explained:
    """An exchange with its reversals: every entry that any of them booked. Raises errors.NotFound."""
    (family,) = await rows(connection, "explain_family", lane=lane, exchange_id=exchange_id)
    if family["first"] is None:
        raise errors.NotFound("there is no such exchange")
    until = (await span_of(connection, lane)).until
    if family["moved_at"] is not None:
        until = (await history.edge(connection, lane, family["moved_at"])).size
    told = {"lane": lane, "first": family["first"], "until": until, "account": None, "most": None}
    told |= {"after_seq": BEGINNING[0], "after_line": BEGINNING[1], "exchange_id": family["exchange_id"]}
    told |= {"windows": None, "sign": 0}
    leaves = leaves_of(chart, await rows(connection, "explain_leaves", **told))
    return Explained(None, None, 0, leaves, await causes_of(connection, lane, family["exchange_id"]), None)


def leaves_of(chart: Chart, found: Sequence[Row]) -> tuple[Leaf, ...]:
    """These rows as leaves."""
    return tuple(
        [
            Leaf(
                (row["seq"], row["line"]),
                row["at"],
                row["kind"],
                row["exchange_id"],
                chart.accounts[row["account"]],
                row["window_id"],
                row["amount"],
            )
            for row in found
        ]
    )


async def causes_of(connection: Connection, lane: int, exchanges: Sequence[UUID]) -> tuple[Cause, ...]:
    """What these exchanges and adjustments come from."""
    names = sorted(set(exchanges))
    found = [_cause(row) for row in await rows(connection, "explain_exchanges", lane=lane, exchange_id=names)]
    adjusted = await rows(connection, "explain_adjustments", lane=lane, adjustment_id=names)
    return (*found, *[_adjustment(row) for row in adjusted])


def _adjustment(row: Row) -> Cause:
    """Value that moved without an exchange: the house moved it, for the reason told, by the reference told, from one window to another."""
    told = ", ".join([text for text in (row["reason"], row["reference"]) if text])
    if row["of_window"]:
        told += f", of {row['of_window']}, carried to {row['carried_to']}"
    signed = (row["evidence_id"], row["key_id"], row["signed_at"])
    return Cause(
        row["adjustment_id"], row["kind"], "adjustment", None, HOUSE, "booked", None, None, told, None, (), (), *signed
    )


def _cause(row: Row) -> Cause:
    shares = orjson.loads(row["shares"]) if row["shares"] else []
    return Cause(
        row["exchange_id"],
        row["kind"],
        row["path"],
        row["original_id"],
        row["partner"],
        row["state"],
        row["source_program"],
        row["target_program"],
        row["terms_version"],
        row["card_digest"],
        tuple([digest for digest in (row["source_digest"], row["target_digest"]) if digest]),
        tuple([(campaign, funder, units, value) for campaign, funder, units, value in shares]),
        row["evidence_id"],
        row["key_id"],
        row["signed_at"],
    )

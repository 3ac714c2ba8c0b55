"""What one partner does without a quote: accruals and purchases, redemptions and their captures."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from clearing import exchange, partners
from clearing.exchange import Deed
from clearing.front import messages, moving, parties, problems, shapes, sources
from clearing.front.doors import Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.kind_messages import AccrualWish, CaptureWish, RedemptionWish
from clearing.front.problems import Problem
from clearing.front.watching import watch_of_deed
from clearing.ledger.items import Reserve
from clearing.ledger.outcomes import Reserved
from clearing.partners import Account
from clearing.rules.kinds import occurred_refusal
from clearing.rules.lifecycle import TERMINAL, Kind
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.risk import UNWATCHED

if TYPE_CHECKING:
    from clearing.front.house import House


@dataclass(frozen=True, slots=True)
class Meant:
    """What the ledger is asked to do, and of which account the request speaks."""

    item: Reserve
    account: UUID


async def accrue(house: "House", asked: Asked) -> Reply | Problem:
    """Issue units of a program to its member; the caller pays for them when the program has credited them.

    Another partner's program must have granted the caller this channel. The price is that of now, not of `occurred_at`.
    The same Idempotency-Key and body again: the same receipt, and the state of now (200, `Idempotency-Replayed: true`).
    """
    key = asked.idempotency_key
    wish = asked.parse(AccrualWish)
    return await _done(house, asked, key, await issue(house, asked, key, wish), wish.device)


async def redeem(house: "House", asked: Asked) -> Reply | Problem:
    """Spend points of a member at the caller, which is paid for them when the program has taken them.

    Another partner's program must have granted the caller this channel, and the member must have consented. With `capture: later` the
    points are held (201 when they are) until `capture_by`; a capture, of all or a part, or a cancellation takes its place.
    """
    key = asked.idempotency_key
    wish = asked.parse(RedemptionWish)
    return await _done(house, asked, key, await spend(house, asked, key, wish), wish.device)


async def issue(house: "House", asked: Asked, key: str, wish: AccrualWish, path: str | None = None) -> Meant | Refusal:
    """The accrual or purchase that is wished for, or why there is none; a dry run names the `path` of what it is one of."""
    found = await _account(house, wish.account)
    if isinstance(found, Refusal):
        return found
    if refusal := occurred_refusal(wish.occurred_at, asked.at):
        return refusal
    kind, when = Kind(wish.kind), wish.occurred_at
    deed = Deed(kind, asked.caller.code, found, wish.units, when, wish.reference, channel=wish.channel)
    return await _meant(house, asked, key, deed, path, device=wish.device)


async def spend(
    house: "House", asked: Asked, key: str, wish: RedemptionWish, path: str | None = None
) -> Meant | Refusal:
    """The redemption that is wished for, or why there is none; a dry run names the `path` of what it is one of."""
    found = await _account(house, wish.account)
    if isinstance(found, Refusal):
        return found
    if refusal := occurred_refusal(wish.occurred_at, asked.at):
        return refusal
    kind, when, later = Kind.REDEMPTION, wish.occurred_at, wish.capture == "later"
    deed = Deed(kind, asked.caller.code, found, wish.points, when, wish.reference, later, channel=wish.channel)
    return await _meant(house, asked, key, deed, path, device=wish.device)


async def capture(house: "House", asked: Asked) -> Reply | Problem:
    """Take so many of the held points, and be paid for them; the rest goes back. Said again with as many points, it is one capture."""
    key = asked.idempotency_key
    wish = asked.parse(CaptureWish)
    exchange_id = shapes.named_id(asked.path["exchange"])
    signed, lease = moving.signed_wish(house, asked, key), moving.lease(house, asked)
    outcome = await exchange.capture(house.writer, signed, exchange_id, wish.points, lease)
    if isinstance(outcome, Refusal):
        return problems.of_refusal(outcome)
    view, leaf = await moving.followed(house, asked, outcome)
    return Reply(200 if view.state in TERMINAL else 202, await moving.said(house, view, leaf))


async def paid(house: "House", asked: Asked, key: str, deed: Deed) -> Reply | Problem:
    """Pay a claim. No risk rule looks at it: the member's program and the shop have both signed for it already."""
    return await _done(house, asked, key, await _meant(house, asked, key, deed, watched=False))


async def _meant(
    house: "House",
    asked: Asked,
    key: str,
    deed: Deed,
    path: str | None = None,
    *,
    device: str | None = None,
    watched: bool = True,
) -> Meant | Refusal:
    directory = await parties.directory_of(house, asked, deed.account.program)
    account = deed.account.account
    if exchange.needs_consent(deed, directory):
        async with house.reads.connection() as connection:
            deed = replace(deed, links=tuple(await partners.live_links(connection, LANE, [account])))
    offered = exchange.offer(deed, directory, asked.at)
    if isinstance(offered, Refusal):
        return offered
    watch = await watch_of_deed(house, deed, directory, asked.at, device) if watched else UNWATCHED
    ids = (
        partners.bucketed_uuid(asked.at, partners.bucket_of(account), sources.random(10)),
        sources.some_id(),
    )
    signed, lease = moving.signed_wish(house, asked, key, path), moving.lease(house, asked)
    return Meant(exchange.deed_reservation(signed, deed, offered, ids, asked.at, lease, watch), account)


async def _done(
    house: "House", asked: Asked, key: str, meant: Meant | Refusal, device: str | None = None
) -> Reply | Problem:
    """Do it, if it may be done; what was granted before under this key stands, whatever has changed since."""
    if isinstance(meant, Refusal):
        return await moving.refused(house, asked, key, meant)
    outcome = await house.writer.put(meant.item)
    if device is not None and isinstance(outcome, Reserved) and not outcome.replayed:
        async with (
            house.reads.connection() as connection
        ):  # the sealed body has the token: it is erased with the member
            evidence_id = meant.item.evidence.evidence_id
            await partners.name_members(connection, LANE, evidence_id, [meant.account])
    return await moving.reserved(house, asked, outcome)


async def _account(house: "House", token: UUID) -> Account | Refusal:
    async with house.reads.connection() as connection:
        found = await partners.account(connection, LANE, token)
    return found or Refusal(RefusalCode.UNKNOWN_ACCOUNT, "account: no account has this token")


_DONE = {200: messages.ExchangeSaid, 201: messages.ExchangeSaid, 202: messages.ExchangeSaid}
ALONE = (
    "unknown_account",
    "occurred_out_of_range",
    "account_closed",
    "channel_not_granted",
    "kind_mismatch",
    "price_missing",
    "above_maximum",
    "idempotency_key_reused",
    "reference_used",
    "net_debit_cap_exceeded",
)

DOORS = (
    Door("POST", "/v1/accruals", accrue, _DONE, AccrualWish, ALONE, writes=True, waits=True),
    Door(
        "POST",
        "/v1/redemptions",
        redeem,
        _DONE,
        RedemptionWish,
        (*ALONE, "consent_missing", "hold_not_offered", "limit_exceeded"),
        writes=True,
        waits=True,
    ),
    Door(
        "POST",
        "/v1/redemptions/{exchange}/capture",
        capture,
        {200: messages.ExchangeSaid, 202: messages.ExchangeSaid},
        CaptureWish,
        ("not_found", "not_held", "capture_exceeds"),
        writes=True,
        waits=True,
    ),
)

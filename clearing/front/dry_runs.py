"""A dry run at the door: the checks of an exchange, decided by the books as if it were meant, and nothing left but the nonce."""

from typing import TYPE_CHECKING, Any

from clearing import exchange
from clearing.front import alone, exchanges, moving
from clearing.front import risk_messages as messages
from clearing.front.doors import Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.kind_messages import AccrualWish, RedemptionWish
from clearing.front.problems import Problem
from clearing.front.shapes import instant
from clearing.front.watching import watch_of
from clearing.ledger import reads
from clearing.ledger.items import Remember, Reserve, Try
from clearing.ledger.outcomes import Tried
from clearing.rules.refusals import REMEDY, Refusal, RefusalCode

if TYPE_CHECKING:
    from clearing.front.house import House

# what a dry run is of: the same body there, under the same key, is the same wish
EXCHANGES, ACCRUALS, REDEMPTIONS = "/v1/exchanges", "/v1/accruals", "/v1/redemptions"


async def dry_run(house: "House", asked: Asked) -> Reply | Problem:
    """Say what would become of this exchange now: reserved, held, refused, or found as one that was made before. Leaves no trace.

    A quote that is not ours, or is another partner's, is refused as the exchange would be.
    """
    key = asked.idempotency_key
    wish = asked.parse(messages.DryRunWish)
    accepted, directory, exchange_id = await exchanges.accepted_wish(house, asked, wish)
    meant = moving.signed_wish(house, asked, key, EXCHANGES)
    watch = await watch_of(house, accepted, directory, asked.at, wish.device)
    lease = moving.lease(house, asked)
    item = exchange.reservation(meant, accepted, directory, exchange_id, lease, asked.at, watch)
    return await _tried(house, meant.fingerprint, item)


async def try_accrual(house: "House", asked: Asked) -> Reply | Problem:
    """Say what would become of this accrual or purchase now, as `POST /v1/accruals` would answer. Leaves no trace."""
    key = asked.idempotency_key
    wish = asked.parse(AccrualWish)
    return await _tried_alone(house, asked, key, await alone.issue(house, asked, key, wish, ACCRUALS), ACCRUALS)


async def try_redemption(house: "House", asked: Asked) -> Reply | Problem:
    """Say what would become of this redemption now, as `POST /v1/redemptions` would answer. Leaves no trace."""
    key = asked.idempotency_key
    wish = asked.parse(RedemptionWish)
    return await _tried_alone(house, asked, key, await alone.spend(house, asked, key, wish, REDEMPTIONS), REDEMPTIONS)


async def _tried_alone(
    house: "House", asked: Asked, key: str, meant: alone.Meant | Refusal, path: str
) -> Reply | Problem:
    if isinstance(meant, alone.Meant):
        return await _tried(house, meant.item.fingerprint, meant.item)
    await house.writer.put(Remember(asked.signed))
    signed = moving.signed_wish(house, asked, key, path)
    return await _answer(house, signed.partner, key, signed.fingerprint, Tried(meant, None))


async def _tried(house: "House", fingerprint: bytes, item: Reserve) -> Reply:
    tried = await house.writer.put(Try(item))
    return await _answer(house, item.partner, item.idempotency_key, fingerprint, tried)


async def _answer(house: "House", partner: str, key: str, fingerprint: bytes, tried: Tried) -> Reply:
    known = await _fingerprint(house, partner, key)
    if known == fingerprint:
        return Reply(200, _said("replay", Tried(None, None)), headers=moving.REPLAYED)
    if known is not None:
        refusal = Refusal(RefusalCode.IDEMPOTENCY_KEY_REUSED, "this Idempotency-Key came with another body before")
        tried = Tried(refusal, None)
    if tried.refusal is not None:
        return Reply(200, _said("refuse", tried))
    return Reply(200, _said("reserve" if tried.held is None else "hold", tried))


async def _fingerprint(house: "House", partner: str, key: str) -> bytes | None:
    """What the exchange of this partner's Idempotency-Key was asked for with; None: the key is new."""
    async with house.reads.connection() as connection:
        known = await reads.of_key(connection, LANE, partner, key)
    return None if known is None else known[1]


def _said(would: str, tried: Tried) -> dict[str, Any]:
    return {"would": would, "held": tried.held, "refusal": None if tried.refusal is None else _refused(tried.refusal)}


def _refused(refusal: Refusal) -> dict[str, Any]:
    return {
        "code": refusal.code,
        "detail": refusal.detail,
        "rule": refusal.rule or None,
        "next_valid": list(refusal.next_valid),
        "remedy": REMEDY.get(refusal.code),
        "fits_from": instant(refusal.fits_from),
    }


DOORS = (
    Door(
        "POST",
        "/v1/dry-runs",
        dry_run,
        {200: messages.TriedSaid},
        messages.DryRunWish,
        ("token_invalid",),
        writes=True,
    ),
    Door("POST", f"{ACCRUALS}/dry-runs", try_accrual, {200: messages.TriedSaid}, AccrualWish, writes=True),
    Door("POST", f"{REDEMPTIONS}/dry-runs", try_redemption, {200: messages.TriedSaid}, RedemptionWish, writes=True),
)

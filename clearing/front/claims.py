"""Claims of accruals that are missing: filed by the member's program, answered by the shop, paid once by whatever accrual comes first."""

from typing import TYPE_CHECKING
from uuid import UUID

from clearing import errors, partners
from clearing.evidence import Evidence
from clearing.exchange import Deed
from clearing.front import alone, messages, paging, parties, problems, reading, shapes, sources
from clearing.front.doors import BOTH, Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.keeping import kept_request
from clearing.front.kind_messages import AcceptWish, ClaimSaid, ClaimsSaid, ClaimWish, RejectWish
from clearing.front.problems import Problem
from clearing.partners import Account, Claim, Directory
from clearing.rules.kinds import alone_refusal, occurred_refusal
from clearing.rules.lifecycle import Kind
from clearing.rules.refusals import Refusal, RefusalCode

if TYPE_CHECKING:
    from clearing.front.house import House


async def claim(house: "House", asked: Asked) -> Reply | Problem:
    """The caller's member misses points for this receipt. If they were issued already, nothing is stored: `already_paid`, and by what.

    Said again, the same claim comes back, as it stands. An accrual with this receipt number, however it comes, pays the claim.
    """
    wish = asked.parse(ClaimWish)
    async with house.reads.connection() as connection:
        account = await partners.account(connection, LANE, wish.account)
    if account is None:
        return problems.of_refusal(Refusal(RefusalCode.UNKNOWN_ACCOUNT, "account: no account has this token"))
    directory = await parties.directory_of(house, asked, account.program)
    if refusal := _unfounded(asked, wish, account, directory):
        return problems.of_refusal(refusal)
    kept = kept_request(house, asked)
    claim_id = partners.bucketed_uuid(asked.at, partners.bucket_of(account.account), sources.random(10))
    receipt = (wish.partner, wish.reference, wish.occurred_at)
    named = (LANE, claim_id, account.program, account.account, *receipt)
    return await _filed(house, kept, Claim(*named, wish.units, asked.at, kept.evidence_id))


async def list_claims(house: "House", asked: Asked) -> Reply:
    """The claims that wait for the caller's word, the oldest first."""
    place = paging.place_of(reading.query(asked.message.query, "after"), UUID)
    async with house.reads.connection() as connection:
        found = await partners.claims_open(connection, LANE, asked.caller.code, place, paging.PAGE + 1)
    page, following = paging.paged(found, lambda one: (one.claimed_at, str(one.claim)), paging.PAGE)
    return Reply(200, {"claims": [said(one) for one in page], "next": following})


async def look_at_claim(house: "House", asked: Asked) -> Reply:
    """A claim as it stands, for the program's partner that filed it and the shop that it is filed with."""
    found = await _visible(house, asked)
    return Reply(200, said(found))


async def accept_claim(house: "House", asked: Asked) -> Reply | Problem:
    """Pay a claim: an accrual of so many units with its receipt number. Whoever comes second, this or another accrual, is refused.

    A claim that was rejected may be paid all the same.
    """
    key = asked.idempotency_key
    wish = asked.parse(AcceptWish)
    found = await _visible(house, asked, shop=True)
    async with house.reads.connection() as connection:
        account = await partners.account(connection, LANE, found.account)
    if account is None:
        raise errors.NotFound
    deed = Deed(Kind.ACCRUAL, asked.caller.code, account, wish.units, found.occurred_at, found.reference)
    return await alone.paid(house, asked, key, deed)


async def reject_claim(house: "House", asked: Asked) -> Reply | Problem:
    """Do not pay a claim, and say why. Said again, the first reason stays."""
    wish = asked.parse(RejectWish)
    found = await _visible(house, asked, shop=True)
    kept = kept_request(house, asked)
    async with house.reads.connection() as connection:
        async with partners.deciding(connection, LANE):
            now = await _again(connection, found)
            if now.receipt is not None and now.receipt.issues:
                return problems.of_refusal(Refusal(RefusalCode.CLAIM_CLOSED, f"the claim is {now.state}"))
            if now.rejected_at is None:
                await partners.keep_request(connection, LANE, kept)
                told = (wish.reason, kept.evidence_id, asked.at)
                await partners.reject_claim(connection, LANE, found.claim, *told)
        return Reply(200, said(await _again(connection, found)))


# --- what stands in the way


def _unfounded(asked: Asked, wish: ClaimWish, account: Account, directory: Directory) -> Refusal | None:
    """Why the claim is none: 1. whose member, 2. which shop, 3. when, 4. whether that shop issues this program's points at all."""
    if not parties.signs_for(asked, directory, account.program):  # 1
        return Refusal(RefusalCode.NOT_YOUR_MEMBER, "the account is not of a program of yours")
    if account.closed_at is not None:
        return Refusal(RefusalCode.ACCOUNT_CLOSED, f"the account was {account.standing}")
    if wish.partner not in directory.partners:  # 2
        raise errors.ValidationFailed("partner: a code that no partner has")
    if refusal := occurred_refusal(wish.occurred_at, asked.at):  # 3
        return refusal
    refusal = alone_refusal(Kind.ACCRUAL, directory.programs[account.program].nature)  # 4
    if refusal is None and partners.channel_refusal(
        directory, wish.partner, account.program, Kind.ACCRUAL, None, asked.at
    ):
        code = RefusalCode.CHANNEL_NOT_GRANTED
        return Refusal(code, f"{wish.partner} does not issue points of {account.program}")
    return refusal


async def _visible(house: "House", asked: Asked, *, shop: bool = False) -> Claim:
    """The claim in the address, for the shop, and else for the program's partner and operators. Raises errors.NotFound."""
    claim_id = shapes.named_id(asked.path["claim"])
    async with house.reads.connection() as connection:
        found = await partners.claim(connection, LANE, claim_id)
    if found is None:
        raise errors.NotFound
    directory = await parties.directory_of(house, asked, found.program)
    mine = asked.caller.partner == found.partner
    if not mine and (shop or not (asked.caller.partner is None or parties.signs_for(asked, directory, found.program))):
        raise errors.NotFound
    return found


# --- what is done


async def _filed(house: "House", kept: Evidence, wanted: Claim) -> Reply | Problem:
    """Under the lock of the lane: the claim that is there, or the exchange that pays its receipt already, or a new claim."""
    name = (wanted.partner, wanted.reference)
    async with house.reads.connection() as connection, partners.deciding(connection, LANE):
        if known := await partners.claim_of(connection, LANE, *name, wanted.account):
            return Reply(200, said(known))
        receipt = await partners.receipt_of(connection, LANE, *name)
        if receipt is not None and not receipt.issues:
            return problems.of_refusal(Refusal(RefusalCode.REFERENCE_USED, "this receipt number is not of an accrual"))
        if receipt is not None:
            mine = str(receipt.exchange_id) if receipt.account == wanted.account else None
            nothing = {"claim": None, "state": "already_paid", "exchange": mine, "claimed_at": None}
            return Reply(200, said(wanted) | nothing)
        await partners.keep_request(connection, LANE, kept)
        await partners.file_claim(connection, wanted)
    return Reply(201, said(wanted))


async def _again(connection: partners.Connection, found: Claim) -> Claim:
    now = await partners.claim(connection, found.lane, found.claim)
    if now is None:
        raise errors.NotFound
    return now


def said(found: Claim) -> dict[str, object]:
    """A claim: `kind_messages.ClaimSaid`. An accrual to another account is nobody else's business."""
    receipt = found.receipt
    mine = receipt is not None and receipt.issues and receipt.account == found.account
    return {
        "claim": str(found.claim),
        "state": found.state,
        "exchange": str(receipt.exchange_id) if receipt is not None and mine else None,
        "program": found.program,
        "account": str(found.account),
        "partner": found.partner,
        "reference": found.reference,
        "occurred_at": shapes.instant(found.occurred_at),
        "units": found.units,
        "claimed_at": shapes.instant(found.claimed_at),
        "rejected_at": shapes.instant(found.rejected_at),
        "rejected_reason": found.rejected_reason,
    }


DOORS = (
    Door(
        "POST",
        "/v1/claims",
        claim,
        {200: ClaimSaid, 201: ClaimSaid},
        ClaimWish,
        (
            "unknown_account",
            "not_your_member",
            "account_closed",
            "occurred_out_of_range",
            "kind_mismatch",
            "channel_not_granted",
            "reference_used",
        ),
        tag="claims",
    ),
    Door("GET", "/v1/claims", list_claims, {200: ClaimsSaid}, tag="claims", asks=("after",)),
    Door(
        "GET",
        "/v1/claims/{claim}",
        look_at_claim,
        {200: ClaimSaid},
        refuses=("not_found",),
        purposes=BOTH,
        tag="claims",
    ),
    Door(
        "POST",
        "/v1/claims/{claim}/accept",
        accept_claim,
        {200: messages.ExchangeSaid, 201: messages.ExchangeSaid, 202: messages.ExchangeSaid},
        AcceptWish,
        ("not_found", *(code for code in alone.ALONE if code not in {"unknown_account", "occurred_out_of_range"})),
        writes=True,
        waits=True,
        tag="claims",
    ),
    Door(
        "POST",
        "/v1/claims/{claim}/reject",
        reject_claim,
        {200: ClaimSaid},
        RejectWish,
        ("not_found", "claim_closed"),
        tag="claims",
    ),
)

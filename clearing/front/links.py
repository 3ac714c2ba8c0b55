"""Links of two accounts of one member, and the consent under which others may move its points."""

from dataclasses import replace
from typing import TYPE_CHECKING

from clearing import errors, partners
from clearing.adapter import Member
from clearing.evidence import Evidence
from clearing.front import parties, problems, shapes, sources
from clearing.front.doors import BOTH, Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.keeping import kept_request
from clearing.front.member_messages import ConsentWish, LinkSaid, LinkWish
from clearing.front.problems import Problem
from clearing.partners import Account, Directory
from clearing.rules.members import Consent, Ended, Link, Side, age_refusal, member_refusal
from clearing.rules.refusals import Refusal, RefusalCode

if TYPE_CHECKING:
    from clearing.front.house import House

Ends = tuple[Account, Account]


async def link(house: "House", asked: Asked) -> Reply | Problem:
    """Link two accounts of one member. Both programs are asked now; what stands in the way says on which side, and what helps.

    1. both accounts are there, open, of two programs, and one of these is the caller's; 2. each program vouches for its member: active,
    name, age; 3. under the lock: one card per account. Said again, the same link comes back.
    """
    wish = asked.parse(LinkWish)
    ends = await _ends(house, wish)  # 1
    if isinstance(ends, Refusal):
        return problems.of_refusal(ends)
    source, target = ends
    directory = await parties.directory_of(house, asked, source.program, target.program)
    if refusal := _not_theirs(asked, directory, ends, wish) or _closed(ends):
        return problems.of_refusal(refusal)
    if wish.consent is not None:
        _require_partners(wish.consent, directory)
    vouched: list[Member] = []
    for side, account in zip(Side, ends, strict=True):  # 2
        member = await parties.ask_member(house, account, wish.name)
        if refusal := _unfit(member, account, directory, asked):
            return problems.of_refusal(replace(refusal, side=side))
        vouched.append(member)
    made = await _linked(house, asked, ends, directory, wish)  # 3
    if isinstance(made, Refusal):
        return problems.of_refusal(made)
    found, new = made
    return Reply(201 if new else 200, said(found, *vouched))


async def look_at_link(house: "House", asked: Asked) -> Reply:
    """A link as it stands, for the partners of its two programs."""
    found, _ = await parties.visible_link(house, asked)
    return Reply(200, said(found))


async def unlink(house: "House", asked: Asked) -> Reply:
    """End a link. Said again, it stays ended, with its first reason. Exchanges under way go on."""
    found, _ = await parties.visible_link(house, asked)
    async with house.reads.connection() as connection:
        async with partners.deciding(connection, LANE):
            now = await _again(connection, found)
            if now.live:
                await partners.keep_request(connection, LANE, kept_request(house, asked))
                await partners.end_links(connection, LANE, [found.link], Ended.UNLINKED, asked.at)
        return Reply(200, said(await _again(connection, found)))


async def give_consent(house: "House", asked: Asked) -> Reply | Problem:
    """The member's consent, which only the partner of the source's program can sign for. It takes the place of the one before."""
    wish = asked.parse(ConsentWish)
    found, directory = await parties.visible_link(house, asked)
    if not parties.signs_for(asked, directory, found.source_program):
        return problems.of_refusal(_NOT_THEIRS)
    _require_partners(wish, directory)
    kept = kept_request(house, asked)
    async with house.reads.connection() as connection:
        async with partners.deciding(connection, LANE):
            now = await _again(connection, found)
            if not now.live:
                return problems.of_refusal(Refusal(RefusalCode.LINK_ENDED, "this link has ended"))
            new = not _says(now.consent, wish)
            if new:
                await partners.keep_request(connection, LANE, kept)
                await partners.give_consent(connection, LANE, found.link, _consent(asked, wish, kept))
        return Reply(201 if new else 200, said(await _again(connection, found)))


async def withdraw_consent(house: "House", asked: Asked) -> Reply | Problem:
    """The member takes the consent back. Quotes given before are honoured until they expire; said again, it stays withdrawn."""
    found, directory = await parties.visible_link(house, asked)
    if asked.caller.partner is not None and not parties.signs_for(asked, directory, found.source_program):
        return problems.of_refusal(_NOT_THEIRS)
    async with house.reads.connection() as connection:
        async with partners.deciding(connection, LANE):
            if await partners.withdraw_consent(connection, LANE, found.link, asked.caller.key_id, asked.at):
                await partners.keep_request(connection, LANE, kept_request(house, asked))
        return Reply(200, said(await _again(connection, found)))


# --- what stands in the way

_NOT_THEIRS = Refusal(
    RefusalCode.NOT_YOUR_MEMBER, "only the partner of the source's program signs for its member's consent", Side.SOURCE
)


async def _ends(house: "House", wish: LinkWish) -> Ends | Refusal:
    async with house.reads.connection() as connection:
        source = await partners.account(connection, LANE, wish.source_account)
        target = await partners.account(connection, LANE, wish.target_account)
    if source is None or target is None:
        side = Side.SOURCE if source is None else Side.TARGET
        return Refusal(RefusalCode.UNKNOWN_ACCOUNT, f"{side}_account: no account has this token", side)
    if source.program == target.program:
        raise errors.ValidationFailed("a link leads from one program to another")
    return source, target


def _not_theirs(asked: Asked, directory: Directory, ends: Ends, wish: LinkWish) -> Refusal | None:
    mine = [parties.signs_for(asked, directory, account.program) for account in ends]
    if not any(mine):
        return Refusal(RefusalCode.NOT_YOUR_MEMBER, "neither account is of a program of yours")
    return None if mine[0] or wish.consent is None else _NOT_THEIRS


def _closed(ends: Ends) -> Refusal | None:
    for side, account in zip(Side, ends, strict=True):
        if account.closed_at is not None:
            return Refusal(RefusalCode.ACCOUNT_CLOSED, f"the {side} account was {account.standing}", side)
    return None


def _unfit(member: Member, account: Account, directory: Directory, asked: Asked) -> Refusal | None:
    """What the program says against its member. Where it does not say how old an account is, the house knows since when it heard of it."""
    if refusal := member_refusal(member.status, member.name_match):
        return refusal
    days = directory.programs[account.program].capabilities.account_age_days
    opened_at = member.opened_at or account.linked_at
    return age_refusal(RefusalCode.ACCOUNT_TOO_NEW, "the account", opened_at, days, asked.at)


def _require_partners(wish: ConsentWish, directory: Directory) -> None:
    if not {*wish.channels} <= directory.partners.keys():
        raise errors.ValidationFailed("channels: a code that no partner has")


# --- what is done


async def _linked(
    house: "House", asked: Asked, ends: Ends, directory: Directory, wish: LinkWish
) -> tuple[Link, bool] | Refusal:
    """The link and whether anything is new about it. The kept request carries a name, so it is kept as speaking of both members."""
    source, target = ends
    one_card = any(directory.programs[end.program].capabilities.one_card_per_account for end in ends)
    kept = kept_request(house, asked)
    link_id = partners.bucketed_uuid(asked.at, partners.bucket_of(source.account), sources.random(10))
    async with house.reads.connection() as connection, partners.deciding(connection, LANE):
        made = await partners.link_accounts(
            connection,
            LANE,
            link_id,
            source,
            target,
            one_card=one_card,
            evidence_id=kept.evidence_id,
            now=asked.at,
        )
        if isinstance(made, Refusal):
            return made
        found, new = made
        consents = wish.consent is not None and not _says(found.consent, wish.consent)
        if new or consents:
            await partners.keep_request(connection, LANE, kept, [source.account, target.account])
        if wish.consent is not None and consents:
            consent = _consent(asked, wish.consent, kept)
            await partners.give_consent(connection, LANE, found.link, consent)
            found = replace(found, consent=consent)
        return found, new


def _says(consent: Consent | None, wish: ConsentWish) -> bool:
    """Whether this very consent holds already."""
    if consent is None or consent.withdrawn_at is not None:
        return False
    return ({*consent.scope}, {*consent.channels}) == ({*wish.scope}, {*wish.channels})


def _consent(asked: Asked, wish: ConsentWish, kept: Evidence) -> Consent:
    terms = (tuple(sorted({*wish.scope})), tuple(sorted({*wish.channels})))
    return Consent(*terms, asked.caller.code, asked.caller.key_id, kept.evidence_id, asked.at)


async def _again(connection: partners.Connection, found: Link) -> Link:
    """The link as it is now."""
    now = await partners.link(connection, found.lane, found.link)
    if now is None:
        raise errors.NotFound
    return now


# --- what is said


def said(found: Link, source: Member | None = None, target: Member | None = None) -> dict[str, object]:
    """A link: `member_messages.LinkSaid`."""
    return {
        "link": str(found.link),
        "source": _end(found.source_program, str(found.source_account), source),
        "target": _end(found.target_program, str(found.target_account), target),
        "one_card": found.one_card,
        "linked_at": shapes.instant(found.linked_at),
        "moved_at": shapes.instant(found.moved_at),
        "ended_at": shapes.instant(found.ended_at),
        "ended_reason": found.ended_reason,
        "consent": None if found.consent is None else _consent_said(found.consent),
    }


def _end(program: str, account: str, member: Member | None) -> dict[str, object]:
    status, match = (None, None) if member is None else (member.status, member.name_match)
    return {"program": program, "account": account, "status": status, "name_match": match}


def _consent_said(consent: Consent) -> dict[str, object]:
    return {
        "scope": list(consent.scope),
        "channels": list(consent.channels),
        "partner": consent.partner,
        "key_id": consent.key_id,
        "evidence": str(consent.evidence_id),
        "given_at": shapes.instant(consent.given_at),
        "withdrawn_at": shapes.instant(consent.withdrawn_at),
    }


DOORS = (
    Door(
        "POST",
        "/v1/links",
        link,
        {200: LinkSaid, 201: LinkSaid},
        LinkWish,
        (
            "unknown_account",
            "not_your_member",
            "account_closed",
            "member_unknown",
            "member_not_active",
            "name_mismatch",
            "account_too_new",
            "already_linked",
            "program_unavailable",
        ),
        tag="links",
    ),
    Door("GET", "/v1/links/{link}", look_at_link, {200: LinkSaid}, refuses=("not_found",), purposes=BOTH, tag="links"),
    Door("DELETE", "/v1/links/{link}", unlink, {200: LinkSaid}, refuses=("not_found",), purposes=BOTH, tag="links"),
    Door(
        "POST",
        "/v1/links/{link}/consent",
        give_consent,
        {200: LinkSaid, 201: LinkSaid},
        ConsentWish,
        ("not_found", "not_your_member", "link_ended"),
        tag="links",
    ),
    Door(
        "DELETE",
        "/v1/links/{link}/consent",
        withdraw_consent,
        {200: LinkSaid},
        refuses=("not_found", "not_your_member"),
        purposes=BOTH,
        tag="links",
    ),
)

"""What any figure is made of, and reports of expired points. A partner asks about its own accounts and exchanges, an operator about all."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clearing import errors, partners
from clearing.front import figures, parties, problems, reading, shapes
from clearing.front.books_messages import ExpirySaid, ExpiryWish, ExplainedSaid, OutsideSaid, OutsideWish
from clearing.front.doors import BOTH, Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.keeping import kept_request
from clearing.front.problems import Problem
from clearing.rules.agreements import HOUSE
from clearing.rules.kinds import occurred_refusal
from clearing.rules.refusals import Refusal, RefusalCode
from settlement import books
from settlement.books import Cause, Expiry, Explained, ExplainedShare, Leaf, Outside, Part, Place
from settlement.books.chart import MILLIONTHS
from settlement.reports.share_picture import share_picture
from settlement.rules.statement_shares import drawn
from settlement.rules.waterfall import LINES_MAX

if TYPE_CHECKING:
    from clearing.front.house import House

_ASKS = ("figure", "window", "after")
_DRAWN = ("window", "back")
_AFTER = re.compile(r"(0|[1-9][0-9]{0,17})\.(0|[1-9][0-9]{0,4})")


async def explain(house: "House", asked: Asked) -> Reply:
    """What a figure is made of, entry by entry: `figure` is an account (CODE.KIND, in a `window` or in all), the id of an exchange or an
    adjustment, a run or the net of a party (RUN:PARTY), a payment, a statement or a part of it (STATEMENT:COUNTERPARTY, STATEMENT:LINE), an
    invoice (INVOICE:LINE), a line of a roll-forward (PROGRAM:LINE, as `issued`), or what a run shared by a contract (RUN/CONTRACT[/back]).

    Every entry leads to its exchange, the versions that priced it, who funds it, and the signed request. At most 500 entries a page.
    """
    query = reading.query(asked.message.query, *_ASKS)
    async with house.reads.connection() as connection:
        said = await explained(connection, query, asked.caller.partner)
    return Reply(200, said)


async def explained(
    connection: partners.Connection, query: Mapping[str, str], reader: str | None, most: int = books.PAGE
) -> dict[str, Any]:
    """`ExplainedSaid`, as `reader` may see it; None sees all. Raises errors.NotFound, errors.ValidationFailed."""
    figure, window = query.get("figure", ""), query.get("window")
    async with books.snapshot(connection):
        chart = await books.chart(connection)
        if shared := await figures.share_meant(connection, figure, reader):
            return await _shared(connection, chart, {**query, "figure": shared}, reader, most)
        asked = figures.Question(figure, window, _place(query.get("after")), most, reader)
        found = await figures.found(connection, chart, asked)
    return _said(figure, window, found, reader)


async def _shared(
    connection: partners.Connection, chart: books.Chart, query: Mapping[str, str], reader: str | None, most: int
) -> dict[str, Any]:
    """A waterfall of a run: its legs, its version, and the entries of its base. A party of the contract sees its own of them."""
    place = _place(query.get("after"))
    found = await books.explain_share(
        connection, chart, LANE, query["figure"], query.get("window"), place, most, reader
    )
    return _said(query["figure"], query.get("window"), found.entries, reader) | {"share": _share(found, reader)}


async def draw_waterfall(house: "House", asked: Asked) -> Reply:
    """A picture (SVG) of what a run shared by a contract: the base and who got what of it. `window` says which base, of a run with several;
    `back=true` what was given back instead. A party of the contract sees its own legs, and those of others together; an operator all.
    """
    query = reading.query(asked.message.query, *_DRAWN)
    if query.get("back", "true") != "true":
        raise errors.ValidationFailed("back is true, or not said")
    name = f"{asked.path['run']}/{asked.path['contract']}"
    figure, reader = name + (books.BACK if "back" in query else ""), asked.caller.partner
    async with house.reads.connection() as connection:
        run, waterfall = await books.shared_waterfall(connection, figure, query.get("window"), reader)
        currency = await partners.scheme_currency(connection)
    known = await house.live.directory(asked.at)
    names = {code: one.name for code, one in known.partners.items()} | {HOUSE: "clearing house"}
    picture = share_picture(drawn(run, waterfall, reader), names, currency)
    shown = f'inline; filename="{name.replace("/", "-")}.svg"'
    return Reply(200, picture.encode(), "image/svg+xml", [("content-disposition", shown)])


async def report_expiry(house: "House", asked: Asked) -> Reply | Problem:
    """Points of the caller's program that expired, by its own word. A memo beside the books: it enters no account.

    Said again under its reference, the same report comes back.
    """
    wish, program = asked.parse(ExpiryWish), asked.path["program"]
    directory = await parties.directory_of(house, asked, program)
    if program not in directory.programs or not parties.signs_for(asked, directory, program):
        raise errors.NotFound
    if refusal := occurred_refusal(wish.as_of, asked.at):
        return problems.of_refusal(refusal)
    kept = kept_request(house, asked)
    wanted = Expiry(program, wish.reference, wish.as_of, wish.points, asked.at, kept.evidence_id)
    async with house.reads.connection() as connection, partners.deciding(connection, LANE):
        found, new = await books.report_expiry(connection, LANE, wanted)
        if new:
            await partners.keep_request(connection, LANE, kept)
    if not found.same(wanted):
        return problems.of_refusal(Refusal(RefusalCode.REFERENCE_USED, "another report has this reference"))
    return Reply(201 if new else 200, _expiry(found))


async def report_outside(house: "House", asked: Asked) -> Reply | Problem:
    """What the caller's program moved outside of the house, by its own word, once in a window: a memo beside the books, in no account.

    The first report tells what was outstanding before. Said again under its reference, the same report comes back.
    """
    wish, program = asked.parse(OutsideWish), asked.path["program"]
    directory = await parties.directory_of(house, asked, program)
    if program not in directory.programs or not parties.signs_for(asked, directory, program):
        raise errors.NotFound
    if refusal := occurred_refusal(wish.as_of, asked.at):
        return problems.of_refusal(refusal)
    kept = kept_request(house, asked)
    moved = (wish.opening, wish.issued, wish.redeemed, wish.expired)
    wanted = Outside(program, wish.reference, wish.as_of, *moved, asked.at, kept.evidence_id)
    async with house.reads.connection() as connection, partners.deciding(connection, LANE):
        found, new = await books.report_outside(connection, LANE, wanted)
        if new:
            await partners.keep_request(connection, LANE, kept)
    if not found.same(wanted):
        told = (
            f"this window has the report {found.reference}"
            if found.reference != wanted.reference
            else "another report has this reference"
        )
        return problems.of_refusal(Refusal(RefusalCode.REFERENCE_USED, told))
    return Reply(201 if new else 200, _outside(found))


# --- what is said


def _said(figure: str, window: str | None, found: Explained, reader: str | None) -> dict[str, Any]:
    leaves = [leaf for leaf in found.leaves if reader in {None, found.shown_to, leaf.account.partner}]
    causes = {cause.exchange_id: cause for cause in found.causes}
    whole = found.figure is not None
    if not whole and reader is not None and not leaves and not any(cause.to(reader) for cause in found.causes):
        raise errors.NotFound("there is no such exchange")  # as of one that is not there
    order = list(dict.fromkeys([leaf.exchange_id for leaf in found.leaves] + [*causes]))
    exchanges = [_cause(causes[name], [leaf for leaf in leaves if leaf.exchange_id == name], reader) for name in order]
    return {
        "figure": figure,
        "window": window,
        "unit": found.account.unit if found.account else MILLIONTHS if whole else None,
        "amount": str(found.figure) if whole else None,
        "brought": str(found.brought),
        "carried": str(found.carried) if whole else None,
        "adds_up": found.adds_up,
        "next": "{}.{}".format(*found.following) if found.following else None,
        "cash": None if found.cash is None else str(found.cash),
        "parts": [_part(part) for part in found.parts],
        "exchanges": exchanges,
        "share": None,
    }


def _part(part: Part) -> dict[str, Any]:
    evidence = None if part.evidence_id is None else str(part.evidence_id)
    return {
        "what": part.what,
        "amount": str(part.amount),
        "figure": part.figure,
        "window": part.window,
        "evidence": evidence,
    }


def _share(found: ExplainedShare, reader: str | None) -> dict[str, Any]:
    """The waterfall as a party may see it: its own legs; an operator sees all."""
    one = found.waterfall
    return {
        "run": found.run,
        "contract": one.contract,
        "version": one.version.version,
        "digest": one.version.digest,
        "valid_from": shapes.instant(found.valid_from),
        "proposed_by": found.proposed_by,
        "confirmed_by": found.confirmed_by,
        "booking": str(found.booking),
        "window": one.window,
        "claws_back": one.undone,
        "base": str(one.micros),
        "legs": [
            {
                "from": leg.payer,
                "to": leg.payee,
                "amount": str(leg.amount),
                "step": leg.step,
                "why": leg.why,
                "of_base": leg.of_base,
            }
            for leg in one.legs
            if reader in {None, leg.payer, leg.payee}
        ],
    }


def _cause(cause: Cause, leaves: list[Leaf], reader: str | None) -> dict[str, Any]:
    """An exchange as a reader may see it: a partner sees its own part of a bonus, and who signed what it asked for itself."""
    own = reader is None or cause.to(reader)
    return {
        "exchange": str(cause.exchange_id),
        "kind": cause.kind,
        "path": cause.path,
        "original": str(cause.original_id) if cause.original_id else None,
        "partner": cause.partner,
        "state": cause.state,
        "source_program": cause.source_program,
        "target_program": cause.target_program,
        "terms": cause.terms,
        "card": cause.card,
        "agreements": list(cause.agreements),
        "shares": [
            {"campaign": campaign, "funder": funder, "units": units, "value": value}
            for campaign, funder, units, value in cause.shares
            if reader in {None, funder}
        ],
        "evidence": str(cause.evidence_id) if own and cause.evidence_id else None,
        "signed_by": cause.key_id if own else None,
        "signed_at": shapes.instant(cause.signed_at) if own else None,
        "entries": [_leaf(leaf) for leaf in leaves],
    }


def _leaf(leaf: Leaf) -> dict[str, Any]:
    seq, line = leaf.place
    return {
        "seq": seq,
        "line": line,
        "at": shapes.instant(leaf.at),
        "event": leaf.event,
        "account": leaf.account.name,
        "unit": leaf.account.unit,
        "window": leaf.window_id,
        "amount": str(leaf.amount),
    }


def _expiry(found: Expiry) -> dict[str, Any]:
    return {
        "program": found.program,
        "reference": found.reference,
        "as_of": shapes.instant(found.as_of),
        "points": found.points,
        "reported_at": shapes.instant(found.reported_at),
        "window": found.window_id,
        "evidence": str(found.evidence_id),
    }


def _outside(found: Outside) -> dict[str, Any]:
    return {
        "program": found.program,
        "reference": found.reference,
        "as_of": shapes.instant(found.as_of),
        "opening": found.opening,
        "issued": found.issued,
        "redeemed": found.redeemed,
        "expired": found.expired,
        "reported_at": shapes.instant(found.reported_at),
        "window": found.window_id,
        "evidence": str(found.evidence_id),
    }


def _place(after: str | None) -> Place:
    """The entry that a page begins after. Raises errors.ValidationFailed."""
    if after is None:
        return books.BEGINNING
    match = _AFTER.fullmatch(after)
    if match is None or int(match[2]) >= LINES_MAX:
        raise errors.ValidationFailed("after is what `next` said")
    return int(match[1]), int(match[2])


DOORS = (
    Door(
        "GET",
        "/v1/explain",
        explain,
        {200: ExplainedSaid},
        refuses=("not_found", "validation_failed"),
        purposes=BOTH,
        asks=_ASKS,
        tag="books",
    ),
    Door(
        "GET",
        "/v1/runs/{run}/waterfalls/{contract}",
        draw_waterfall,
        {200: None},
        refuses=("not_found", "validation_failed"),
        purposes=BOTH,
        asks=_DRAWN,
        tag="settlement",
    ),
    Door(
        "POST",
        "/v1/programs/{program}/expiries",
        report_expiry,
        {200: ExpirySaid, 201: ExpirySaid},
        ExpiryWish,
        ("not_found", "occurred_out_of_range", "reference_used"),
        tag="books",
    ),
    Door(
        "POST",
        "/v1/programs/{program}/outside",
        report_outside,
        {200: OutsideSaid, 201: OutsideSaid},
        OutsideWish,
        ("not_found", "occurred_out_of_range", "reference_used"),
        tag="books",
    ),
)

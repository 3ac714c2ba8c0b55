"""Rate cards at the door: an operator proposes a version, a second operator's key publishes it; every partner reads what is published."""

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from clearing import partners
from clearing.front import card_messages as messages
from clearing.front import problems, reading
from clearing.front.agreement_messages import ConfirmWish, ProposalSaid
from clearing.front.agreements import proposal_said
from clearing.front.doors import BOTH, OPERATORS, Asked, Door, Reply
from clearing.front.keeping import keep_request
from clearing.front.problems import Problem
from clearing.front.shapes import instant
from clearing.partners import Directory, FiledCard, Signers
from clearing.partners.cards import KIND
from clearing.partners.funding import best_ratio
from clearing.rules.cards import END, Card
from clearing.rules.refusals import Refusal
from clearing.rules.versions import Change, announced

if TYPE_CHECKING:
    from clearing.front.house import House


async def propose_card(house: "House", asked: Asked) -> Reply | Problem:
    """Propose the next version of a rate card. What would refuse it is said now; another operator's key publishes it."""
    _ = asked.idempotency_key
    document = asked.parse(messages.CardWish).card
    async with house.reads.connection() as connection:
        directory = await partners.load(connection)
        card = partners.drafted_card(directory, document, asked.at)
        if isinstance(card, Refusal):
            return problems.of_refusal(card)
        if card in directory.cards.get((card.source, card.target), ()):
            return Reply(200, _said(await _filed(house, card), directory, asked))
        kept = await keep_request(house, asked)
        whose = directory.programs[card.source].partner
        proposed = await partners.propose(connection, KIND, whose, document, asked.caller.key_id, kept, asked.at)
    return Reply(202, proposal_said(proposed))


async def confirm_card(house: "House", asked: Asked) -> Reply | Problem:
    """Publish what was proposed, with a second operator's key."""
    _ = asked.idempotency_key, asked.parse(ConfirmWish)
    async with house.reads.connection() as connection:
        proposed = await partners.proposal(connection, asked.path["proposal"], KIND)
        if refusal := await partners.alone(connection, proposed, asked.caller.key_id, asked.at):
            return problems.of_refusal(refusal)
        before = await partners.load(connection)
        draft = partners.drafted_card(before, proposed.document, asked.at)
        if isinstance(draft, Refusal):
            return problems.of_refusal(draft)
        stands = draft in before.cards.get((draft.source, draft.target), ())
        signers = Signers(proposed.proposed_by, asked.caller.key_id, await keep_request(house, asked))
        card = draft if stands else await partners.publish_card(connection, proposed.document, asked.at, signers)
        if isinstance(card, Refusal):
            return problems.of_refusal(card)
        house.live.forget()
        directory = await partners.load(connection)
    return Reply(200 if stands else 201, _said(await _filed(house, card), directory, asked))


async def list_cards(house: "House", asked: Asked) -> Reply:
    """All published versions, or those from the `source` and to the `target` that the query names, each with what a round trip loses."""
    named = reading.query(asked.message.query, "source", "target")
    async with house.reads.connection() as connection:
        directory = await partners.load(connection)
        found = await partners.cards_filed(connection)
    chosen = [one for one in found if _named(one.card, named)]
    return Reply(200, {"cards": [_said(one, directory, asked) for one in chosen]})


async def announced_cards(house: "House", asked: Asked) -> Reply:
    """Every announced change that is still to come, the first first: the feed that partners' systems read."""
    named = reading.query(asked.message.query, "source", "target")
    directory = await house.live.directory(asked.at)
    cards = [card for series in directory.cards.values() for card in series if _named(card, named)]
    return Reply(200, {"announced": [_change(change) for change in announced(cards, asked.at)]})


def _named(card: Card, named: dict[str, str]) -> bool:
    return named.get("source") in {None, card.source} and named.get("target") in {None, card.target}


async def _filed(house: "House", card: Card) -> FiledCard:
    async with house.reads.connection() as connection:
        return next(one for one in await partners.cards_filed(connection) if one.card == card)


def _said(filed: FiledCard, directory: Directory, asked: Asked) -> dict[str, Any]:
    card = filed.card
    return {
        "source": card.source,
        "target": card.target,
        "version": card.version,
        "valid_from": instant(card.span.begins),
        "valid_to": None if card.span.ends == END else instant(card.span.ends),
        "announced_at": instant(card.announced_at),
        "in_force": directory.card(card.source, card.target, asked.at) == card,
        "round_trip": _round_trip(card, directory, asked),
        "digest": filed.digest,
        "document": filed.document,
        "proposed_by": filed.proposed_by,
        "confirmed_by": filed.confirmed_by,
    }


def _round_trip(card: Card, directory: Directory, asked: Asked) -> dict[str, int] | None:
    """The part of the points that is lost by going there and back at the best rates of now, as an exact fraction; None: no way back."""
    back = directory.card(card.target, card.source, asked.at)
    there, again = best_ratio(card, asked.at), None if back is None else best_ratio(back, asked.at)
    if there is None or again is None:
        return None
    lost = max(Fraction(0), 1 - there * again)
    return {"lost": lost.numerator, "of": lost.denominator}


def _change(change: Change) -> dict[str, Any]:
    return {
        "source": change.source,
        "target": change.target,
        "version": change.version,
        "kind": change.kind,
        "at": instant(change.at),
        "announced_at": instant(change.announced_at),
        "part": change.part,
        "name": change.name,
        "parts": list(change.parts),
    }


REFUSES = ("unknown_program", "unfunded_value", "notice_too_short", "version_taken")
DOORS = (
    Door(
        "POST",
        "/v1/cards",
        propose_card,
        {202: ProposalSaid, 200: messages.CardSaid},
        messages.CardWish,
        REFUSES,
        purposes=OPERATORS,
        tag="cards",
    ),
    Door(
        "POST",
        "/v1/cards/{proposal}/confirm",
        confirm_card,
        {201: messages.CardSaid, 200: messages.CardSaid},
        ConfirmWish,
        ("not_found", *REFUSES, "second_key_needed"),
        purposes=OPERATORS,
        tag="cards",
    ),
    Door(
        "GET",
        "/v1/cards",
        list_cards,
        {200: messages.CardsSaid},
        purposes=BOTH,
        tag="cards",
        asks=("source", "target"),
    ),
    Door(
        "GET",
        "/v1/cards/announced",
        announced_cards,
        {200: messages.CardChangesSaid},
        purposes=BOTH,
        tag="cards",
        asks=("source", "target"),
    ),
)

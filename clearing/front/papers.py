"""Rate sets and tax tables at the door: one operator's key proposes, another's publishes, and what is published is never edited."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from clearing import errors, partners
from clearing.front import paper_messages as messages
from clearing.front import problems
from clearing.front.agreement_messages import ConfirmWish, ProposalSaid
from clearing.front.agreements import proposal_said
from clearing.front.currencies import currency_of, day_of, digits_of, ratio_of
from clearing.front.doors import OPERATORS, Asked, Door, Reply
from clearing.front.keeping import keep_request
from clearing.front.problems import Problem
from clearing.front.shapes import instant
from clearing.partners import FiledPaper, Signers
from clearing.partners.rows import Connection
from clearing.rules.agreements import HOUSE
from clearing.rules.refusals import Refusal, RefusalCode
from settlement import run as settling
from settlement.rules.run import Rate, RateSet
from settlement.rules.tax import faults_of

if TYPE_CHECKING:
    from clearing.front.house import House


async def propose_rates(house: "House", asked: Asked) -> Reply | Problem:
    """Propose a rate set: what one unit of each currency is worth in the common unit, and on which days payments may go by it."""
    _ = asked.idempotency_key
    wish = asked.parse(messages.RatesWish)
    document = wish.model_dump() | {"published_at": instant(wish.published_at)}
    async with house.reads.connection() as connection:
        if refusal := await _not_these(connection, document, asked.at):
            return problems.of_refusal(refusal)
    return await _propose(house, asked, partners.RATES, document)


async def confirm_rates(house: "House", asked: Asked) -> Reply | Problem:
    """Publish a rate set that was proposed, with a second operator's key."""
    return await _confirm(house, asked, partners.RATES)


async def list_rates(house: "House", _asked: Asked) -> Reply:
    """All rate sets, by their first day."""
    return Reply(200, {"rates": await _all(house, partners.RATES)})


async def show_rates(house: "House", asked: Asked) -> Reply:
    """One rate set by its name."""
    async with house.reads.connection() as connection:
        found = await partners.filed_papers(connection, partners.RATES, asked.path["rate_set"])
    if not found:
        raise errors.NotFound("there is no such rate set")
    return Reply(200, _said(found[0]))


async def propose_taxes(house: "House", asked: Asked) -> Reply | Problem:
    """Propose a tax table: who bills, whom, and how fees are taxed. Until the first is in force, no run is billed."""
    _ = asked.idempotency_key
    wish = asked.parse(messages.TaxTableWish)
    document = wish.model_dump(mode="json") | {"digits": digits_of(currency_of(wish.currency))}
    _require_days(document)
    for fault in faults_of(document):
        raise errors.ValidationFailed(fault)
    known = await house.live.directory(asked.at, fresh=True)
    if strangers := {one.partner for one in wish.customers} - known.partners.keys():
        raise errors.NotFound(f"no such partner: {', '.join(sorted(strangers))}")
    async with house.reads.connection() as connection:
        unit = await partners.scheme_currency(connection)
    if unit not in {None, wish.currency}:
        raise errors.ValidationFailed(f"currency: fees are billed in the scheme's own currency, {unit}")
    return await _propose(house, asked, partners.TAXES, document)


async def confirm_taxes(house: "House", asked: Asked) -> Reply | Problem:
    """Publish a tax table that was proposed, with a second operator's key."""
    return await _confirm(house, asked, partners.TAXES)


async def list_taxes(house: "House", _asked: Asked) -> Reply:
    """All tax tables, by their first day."""
    return Reply(200, {"taxes": await _all(house, partners.TAXES)})


RATE_SPAN_MAX = timedelta(days=31)
"""How long a rate set may be gone by: payments of a month and a day."""


# --- what a run asks for


async def named_rates(connection: Connection, name: str) -> RateSet | Refusal:
    """The published rate set of this name."""
    found = await partners.filed_papers(connection, partners.RATES, name)
    if not found:
        return Refusal(RefusalCode.RATES_NOT_IN_FORCE, f"no rate set {name} is published")
    return rates_of(found[0].document)


def rates_of(document: Mapping[str, Any]) -> RateSet:
    """The rate set that a document states. Raises errors.ValidationFailed for a rate of zero, or of no currency."""
    told = sorted(document["rates"].items())
    known = tuple(Rate(currency_of(code), *ratio_of(text), digits_of(code)) for code, text in told)
    days = document["valid_from"], document["published_at"], known, document["name"], document["valid_until"]
    return RateSet(document["source"], *days)


# --- papers of either kind


async def _propose(house: "House", asked: Asked, kind: str, document: Mapping[str, Any]) -> Reply | Problem:
    digest = partners.digest_of(kind, document)
    async with house.reads.connection() as connection:
        if known := await partners.filed_papers(connection, kind, document["name"]):
            same = known[0].digest == digest
            return Reply(200, _said(known[0])) if same else problems.of_refusal(partners.paper_taken(document["name"]))
        kept, by = await keep_request(house, asked), asked.caller.key_id
        proposed = await partners.propose(connection, kind, HOUSE, document, by, kept, asked.at)
    return Reply(202, proposal_said(proposed))


async def _not_these(connection: Connection, document: Mapping[str, Any], now: datetime) -> Refusal | None:
    """Why these rates are not published: they do not give the scheme's currency as 1. Raises errors.ValidationFailed for their days."""
    _require_days(document)
    published_at = datetime.fromisoformat(document["published_at"])
    if published_at > now:
        raise errors.ValidationFailed("published_at: is to come")
    begins = day_of(document["valid_from"])
    if begins > published_at.date():
        raise errors.ValidationFailed("valid_from: the source published them before that day (UTC)")
    if day_of(document["valid_until"]) - begins > RATE_SPAN_MAX:
        raise errors.ValidationFailed(f"valid_until: at most {RATE_SPAN_MAX.days} days after valid_from")
    return settling.of_another_unit(rates_of(document), await partners.scheme_currency(connection))


async def _confirm(house: "House", asked: Asked, kind: str) -> Reply | Problem:
    _ = asked.idempotency_key, asked.parse(ConfirmWish)
    async with house.reads.connection() as connection:
        proposed = await partners.proposal(connection, asked.path["proposal"], kind)
        if refusal := await partners.alone(connection, proposed, asked.caller.key_id, asked.at):
            return problems.of_refusal(refusal)
        known = await partners.filed_papers(connection, kind, proposed.document["name"])
        if known and known[0].digest == proposed.digest:
            return Reply(200, _said(known[0]))
        if kind == partners.RATES and (refusal := await _not_these(connection, proposed.document, asked.at)):
            return problems.of_refusal(refusal)
        signers = Signers(proposed.proposed_by, asked.caller.key_id, await keep_request(house, asked))
        published = await partners.publish_paper(connection, proposed, signers, asked.at)
    return problems.of_refusal(published) if isinstance(published, Refusal) else Reply(201, _said(published))


async def _all(house: "House", kind: str) -> list[dict[str, Any]]:
    async with house.reads.connection() as connection:
        return [_said(one) for one in await partners.filed_papers(connection, kind)]


def _require_days(document: Mapping[str, Any]) -> None:
    if day_of(document["valid_from"]) > day_of(document["valid_until"]):
        raise errors.ValidationFailed("valid_until: is before valid_from")


def _said(one: FiledPaper) -> dict[str, Any]:
    return {
        "name": one.name,
        "valid_from": one.valid_from.isoformat(),
        "valid_until": one.valid_until.isoformat(),
        "published_at": instant(one.published_at),
        "digest": one.digest,
        "document": one.document,
        "proposed_by": one.proposed_by,
        "confirmed_by": one.confirmed_by,
    }


def _doors(
    path: str,
    propose: Any,
    confirm: Any,
    listed: Any,
    takes: Any,
    lists: Any,
    *also: str,
    bulk: tuple[str, ...] = (),
) -> tuple[Door, ...]:
    published = {201: messages.PaperSaid, 200: messages.PaperSaid}
    refused = ("not_found", "second_key_needed", "version_taken", *also)
    return (
        Door(
            "POST",
            path,
            propose,
            {202: ProposalSaid, 200: messages.PaperSaid},
            takes,
            ("not_found", "version_taken", *also),
            purposes=OPERATORS,
            tag="settlement",
            bulk=bulk,
        ),
        Door(
            "POST",
            f"{path}/{{proposal}}/confirm",
            confirm,
            published,
            ConfirmWish,
            refused,
            purposes=OPERATORS,
            tag="settlement",
        ),
        Door("GET", path, listed, {200: lists}, purposes=OPERATORS, tag="settlement"),
    )


BULK = ("application/json",)
"""A table of many customers is as large as a file."""

DOORS = (
    *_doors(
        "/v1/rates",
        propose_rates,
        confirm_rates,
        list_rates,
        messages.RatesWish,
        messages.RatesSaid,
        "rates_not_of_scheme",
    ),
    *_doors(
        "/v1/taxes", propose_taxes, confirm_taxes, list_taxes, messages.TaxTableWish, messages.TaxesSaid, bulk=BULK
    ),
    Door(
        "GET",
        "/v1/rates/{rate_set}",
        show_rates,
        {200: messages.PaperSaid},
        refuses=("not_found",),
        purposes=OPERATORS,
        tag="settlement",
    ),
)

"""`clearing price`: what an amount gives under a rate card, in a file, without a server."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from clearing import errors
from clearing.front import reading, sources, terminal
from clearing.rules.asks import Ask, Priced, Used
from clearing.rules.card_json import read_card
from clearing.rules.cards import Card
from clearing.rules.pricing import price as price_of
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.shapes import Fault
from clearing.rules.shares import pro_rata_draw
from clearing.rules.trips import RoundTrip, round_trip
from clearing.rules.units import AMOUNT_MAX

REFUSED = 6
File = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The rate card, a JSON document.")
]
Back = Annotated[
    Path | None,
    typer.Option("--back", exists=True, dir_okay=False, readable=True, help="The card of the way back: show the loss."),
]


def _amount(about: str, *names: str) -> Any:
    return typer.Option(*names, min=0, max=AMOUNT_MAX, help=about)


Held = Annotated[
    list[int] | None, _amount("What a member of the pool holds; said again for each: who gives how much.", "--pool")
]


@terminal.app.command()
def price(
    card: File,
    points: Annotated[int | None, _amount("Points to send.", "--points")] = None,
    receive: Annotated[int | None, _amount("Units that should arrive.", "--receive")] = None,
    at: Annotated[str | None, typer.Option(help="When, as RFC 3339 writes it; none: now.")] = None,
    tier: Annotated[str | None, typer.Option(help="The member's tier.")] = None,
    segment: Annotated[
        list[str] | None, typer.Option(help="A list that the member is on; said again for each.")
    ] = None,
    held: Annotated[str | None, typer.Option("--card", help="The card that the member holds.")] = None,
    channel: Annotated[str | None, typer.Option(help="The channel through which is asked.")] = None,
    link_age_days: Annotated[int | None, _amount("Days since the accounts were linked.", "--link-age-days")] = None,
    used_day: Annotated[int, _amount("Points sent before on this day.", "--used-day")] = 0,
    used_month: Annotated[int, _amount("Points sent before in this month.", "--used-month")] = 0,
    used_year: Annotated[int, _amount("Points sent before in this year.", "--used-year")] = 0,
    used_program_day: Annotated[int | None, _amount("The same over all corridors.", "--used-program-day")] = None,
    used_program_month: Annotated[int | None, _amount("The same over all corridors.", "--used-program-month")] = None,
    used_program_year: Annotated[int | None, _amount("The same over all corridors.", "--used-program-year")] = None,
    back: Back = None,
    pool: Held = None,
    *,
    first: Annotated[bool, typer.Option("--first", help="It is the member's first exchange here.")] = False,
    linked_elsewhere: Annotated[
        bool, typer.Option("--linked-elsewhere", help="The account is linked with another card.")
    ] = False,
    year_paid: Annotated[
        bool | None, typer.Option("--year-paid/--year-due", help="A yearly fee; none: paid if the year was used.")
    ] = None,
) -> None:
    """Price a rate card: JSON on stdout. Exit 6 when the card refuses, with the rule and the next valid amounts."""
    if (points is None) == (receive is None):
        raise typer.BadParameter("say --points or --receive, one of them")
    used = Used(used_day, used_month, used_year)
    everywhere = zip(
        (used_program_day, used_program_month, used_program_year), (used.day, used.month, used.year), strict=True
    )
    ask = Ask(
        _instant(at),
        points,
        receive,
        tier=tier,
        segments=frozenset(segment or ()),
        card=held,
        channel=channel,
        link_age_days=link_age_days,
        linked_elsewhere=linked_elsewhere,
        used=used,
        used_program=Used(*(here if there is None else there for there, here in everywhere)),
        year_paid=year_paid,
        first=first,
    )
    there = _card(card)
    found = price_of(there, ask)
    found, draw = _drawn(there, found, pool or [])
    said = _said(found) | ({"draw": draw} if pool else {})
    if back is not None:
        said["round_trip"] = _returned(there, _card(back), ask)
    terminal.out.print_json(data=said)
    raise typer.Exit(REFUSED if isinstance(found, Refusal) else 0)


# --- what is read


def _card(path: Path) -> Card:
    """The card in this file. Raises errors.RequestMalformed or errors.ValidationFailed with one sentence that names it."""
    with path.open("rb") as file:
        body = file.read(reading.BODY_BYTES_MAX + 1)
    if len(body) > reading.BODY_BYTES_MAX:
        raise errors.BodyTooLarge(f"{path}: a rate card has at most {reading.BODY_BYTES_MAX:,} bytes")
    try:
        found = read_card(reading.file_document(body))
    except errors.RequestMalformed as fault:
        raise errors.RequestMalformed(f"{path}: {fault.detail}") from None
    if isinstance(found, Fault):
        raise errors.ValidationFailed(f"{path}: {found.path}: {found.law}: {found.detail}")
    return found


def _instant(text: str | None) -> datetime:
    if text is None:
        return sources.clock()
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise typer.BadParameter("--at is an instant like 2026-02-23T00:00:00Z")


# --- what is said


def _said(found: Priced | Refusal) -> dict[str, Any]:
    """The answer. Refused: no amounts, no bonus, no fee."""
    if isinstance(found, Refusal):
        amounts = dict.fromkeys(("sent", "received", "base"))
        return {**amounts, "bonus": [], "fee": None, "remainder": None, "refusal": _refusal(found)}
    return {
        "sent": found.sent,
        "received": found.received,
        "base": found.base,
        "bonus": [
            {"funder": part.funder, "units": part.units, "value": part.value}
            | ({"late_days": part.late_days} if part.late_days else {})
            for part in found.bonus
        ],
        "fee": {
            "points": sum(part.points for part in found.fees),
            "value": sum(part.value for part in found.fees),
            "parts": [
                {
                    "rule": part.rule,
                    "points": part.points,
                    "value": part.value,
                    "capped": part.capped,
                    "waived": part.waived,
                }
                | ({"owed_to": "house"} if part.to_house else {})
                for part in found.fees
            ],
        },
        "remainder": found.remainder,
        "refusal": None,
    }


def _drawn(card: Card, found: Priced | Refusal, pool: list[int]) -> tuple[Priced | Refusal, list[int] | None]:
    """What each member of the pool gives, in the order of their balances; refused where the pool is too large or holds too little."""
    if pool and (card.pool is None or len(pool) > card.pool.members_most):
        most = "no pool" if card.pool is None else f"at most {card.pool.members_most} members of a pool"
        raise typer.BadParameter(f"the card knows {most}")
    if isinstance(found, Refusal) or not pool:
        return found, None
    drawn = pro_rata_draw(found.sent, pool)
    if drawn is None:
        sentence = f"{found.sent:,} points are more than the {sum(pool):,} that the pool holds"
        return Refusal(RefusalCode.LIMIT_EXCEEDED, sentence, rule="pool"), None
    return found, list(drawn)


def _refusal(found: Refusal) -> dict[str, Any]:
    return {
        "code": found.code.value,
        "rule": found.rule,
        "detail": found.detail,
        "next_valid": list(found.next_valid),
    }


def _returned(card: Card, back: Card, ask: Ask) -> dict[str, Any] | None:
    """What a round trip would lose; nothing where there is no way there."""
    try:
        trip: RoundTrip | Refusal = round_trip(card, back, ask)
    except ValueError as fault:
        raise errors.ValidationFailed(str(fault)) from None
    if isinstance(trip, Refusal):
        return None
    return {
        "sent": trip.sent,
        "received": trip.received,
        "sent_back": trip.sent_back,
        "left": trip.left,
        "returned": trip.returned,
        "lost": None if trip.lost is None else {"num": trip.lost.numerator, "den": trip.lost.denominator},
        "lost_points": trip.lost_points,
        "refusal": None if trip.refusal is None else _refusal(trip.refusal),
    }

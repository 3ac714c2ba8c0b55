"""The shape of an agreement's document: the table that `openapi/agreement.schema.json` is written from and documents are read by."""

from clearing.rules.agreements import BASIS, DAY_COUNTS, PARTS, Bearer
from clearing.rules.lifecycle import Kind
from clearing.rules.shapes import (
    CODE,
    END_OF_TEXT,
    INSTANT,
    NAME,
    Shape,
    one_of,
    positive,
    record,
    several,
    text,
    whole,
)

FORMAT = "agreement/1"

_RIGHTS = (Kind.EXCHANGE, Kind.ACCRUAL, Kind.REDEMPTION, Kind.PURCHASE)
_FUNDER = record(
    "A funder and its share.",
    "funder ppm",
    funder=text("A partner's code, or `house`; once in the list.", CODE),
    ppm=positive("Parts per million.", PARTS),
)
_PRICE = record(
    "What a unit of one of the partner's programs is worth.",
    "program issue redeem",
    program=text("A program that the partner signs for; once in the list.", CODE),
    issue=record(
        "What the program is paid for what it issues.",
        "value units",
        value=whole("Millionths of the common unit."),
        units=positive("For so many units."),
    ),
    redeem=record(
        "What the program pays for what leaves it.",
        "value points",
        value=whole("Millionths of the common unit."),
        points=positive("For so many points."),
    ),
)
_FEE = record(
    "What the house takes of each event of one kind.",
    "kind basis_points minimum maximum",
    kind=one_of("The kind of event; once in the list.", *Kind),
    basis_points=whole("Of the debit, rounded up to a whole millionth.", 0, BASIS),
    minimum=whole("Never less; millionths of the common unit."),
    maximum=whole("Never more; millionths of the common unit."),
)
_FUNDING = record(
    "Who pays for the bonus of a campaign: this partner's share, the house bearing the rest; or all funders. A partner named here pays "
    "only if its own agreement says exactly the same.",
    "campaign",
    ("ppm", "funders"),
    campaign=text("The campaign's code; once in the list.", NAME),
    ppm=positive("This partner's share in parts per million.", PARTS),
    funders=several("All funders; their shares add up to a million.", _FUNDER, 20, 1),
)
_CAP = record(
    "What the partner may owe the house at most, with what is pending.",
    "",
    ("postpaid", "prepaid"),
    postpaid=record(
        "On the partner's word.",
        "granted",
        granted=whole("Millionths of the common unit."),
    ),
    prepaid=record(
        "Out of the cover that it lodges.",
        "of_cover",
        of_cover=record(
            "This part of the cover, rounded down; at most ten times the cover.",
            "num den",
            num=whole("Numerator.", 0, 10 * PARTS),
            den=positive("Denominator.", PARTS),
        ),
    ),
)
_LATE = record(
    "What the partner owes on what it pays late: simple interest from the day on which the payment was due.",
    "basis_points day_count",
    basis_points=whole("Of the amount, for a year.", 0, BASIS),
    day_count=one_of("The actual days, of a year of 360 or 365.", *DAY_COUNTS),
)
_RIGHT = record(
    "What the partner may do with a program of another partner.",
    "program kind",
    program=text("Another partner's program; once in the list for each kind.", CODE),
    kind=one_of("The kind of event.", *_RIGHTS),
    channels=several("Through one of these channels; absent: any.", text("A channel, once in the list.", NAME), 50, 1),
)

SCHEMA: Shape = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:clearing:agreement:1",
    "title": "Agreement",
    **record(
        "One version of the agreement between the house and a partner. The house gives it its number and the instant of its announcement "
        "when the second operator confirms it. Numbers are whole and at most 2^53 - 1, written without fraction or exponent.",
        "format partner valid_from notice_days cap shortfall",
        format=one_of("The format of this document.", FORMAT),
        partner=text("The partner's code.", CODE),
        valid_from=text("From when on this version takes the place of the one before.", INSTANT),
        valid_to=text("When it ends; absent: when a later version begins.", INSTANT),
        notice_days=whole("Days between announcement and validity of the version after this one.", 0, 3_650),
        prices=several("The prices of the partner's programs. A program without one cannot be quoted.", _PRICE, 100),
        fees=several("What the house takes; a kind without a fee is free.", _FEE, len(Kind)),
        funding=several("Campaigns that the partner pays for.", _FUNDING, 200),
        cap=_CAP,
        low_water=whole(
            "An alert when less than this is left of the cap; absent: 0, when it is overdrawn. Millionths."
        ),
        rights=several("What the partner may do with programs of others.", _RIGHT, 500),
        shortfall=one_of("Who bears what a claw-back cannot take.", *Bearer),
        payout_currency=text(
            "The currency of the partner's settlement payments, ISO 4217; absent: what the draft of a run says.",
            f"^[A-Z]{{3}}{END_OF_TEXT}",
        ),
        late_interest=_LATE,
    ),
}
"""JSON Schema 2020-12 of the document."""

"""The shape of a rate card's document: one table in the words of JSON Schema 2020-12, for the reader here and for everyone else's.

`openapi/rate-card.schema.json` is written from it, and `shapes.Reader` reads documents by it, so that both refuse the same shapes. What two
fields say together is judged by `card_laws`.
"""

from typing import Any

from clearing.rules import shapes
from clearing.rules.shapes import (
    END_OF_TEXT,
    INSTANT,
    NAME,
    Law,
    Shape,
    one_of,
    positive,
    record,
    ref,
    several,
    text,
    truth,
    whole,
)

FORMAT = "rate-card/1"
TEXT = rf"^[^\u0000-\u001f\u007f\ud800-\udfff]{{1,500}}{END_OF_TEXT}"
ZONE = rf"^[A-Za-z][A-Za-z0-9_+/-]{{0,63}}{END_OF_TEXT}"
SHAPE_LAWS = shapes.SHAPE_LAWS | {Law.TWICE}
"""The laws that JSON Schema states of a card too: its lists of plain names have none twice."""


def _list(about: str, of: str, most: int) -> Shape:
    """A list, not empty, of what is defined by this name."""
    return several(about, ref(of), most, 1)


def _names(about: str) -> Shape:
    """A list of names, none twice."""
    return {**_list(about, "name", 50), "uniqueItems": True}


_DATES: dict[str, Any] = {
    "from": text("The first instant; absent: always before.", INSTANT),
    "to": text("The first instant that is not in it any more; absent: for ever.", INSTANT),
}
_IN: dict[str, Any] = {
    "in": one_of("Millionths of the common unit, or points on top of those sent.", "value", "points")
}
_RULE_NAME = text("The name of the rule, once in its list; refusals and parts of a price name it.", NAME)

DEFINITIONS: dict[str, Shape] = {
    "name": text("A code: lower-case letters, digits, dot, dash, underscore.", NAME),
    "span": record("A window in time.", "", **_DATES),
    "when": record(
        "For whom and when a rule holds; what is absent does not narrow it. Of rates that hold together, one must be narrowed by all "
        "that the other is, and by more: it goes first.",
        "",
        tiers=_names("Members of one of these tiers."),
        cards=_names("Members who hold one of these cards."),
        channels=_names("Requests through one of these channels."),
        segments=_names("Members who are on one of these lists of the source; a member may be on several."),
        **_DATES,
    ),
    "channel": record(
        "A way in which members may ask.",
        "name",
        name=text("Its name, once in the list.", NAME),
        **_DATES,
    ),
    "ratio": record(
        "So many points give so many units: an exact fraction.",
        "points units",
        points=positive("Points of the source."),
        units=positive("Units of the target."),
    ),
    "band": record(
        "A range of amounts and their ratio: whole blocks, or a minimum and then every step. Each valid amount must give whole units. The "
        "ratio is that of the whole amount, not of the part in the band.",
        "ratio",
        ("block", "step"),
        ratio=ref("ratio"),
        block=positive("Smallest amount and step in one; a `minimum` with it is a multiple of it."),
        minimum=positive("The smallest amount; needed with `step`."),
        step=positive("From the minimum on, every so many points."),
        maximum=positive("The largest amount (or the last on the step below it); absent: what stays exact."),
    )
    | {"dependentRequired": {"step": ["minimum"]}},
    "rate": record(
        "What base units an amount gives, for some members, channels and dates.",
        "name bands",
        name=_RULE_NAME,
        when=ref("when"),
        bands=_list("Bands in ascending order, none overlapping; amounts between two are off the step.", "band", 50),
    ),
    "funder": record(
        "Who pays for a part of a bonus.",
        "code share",
        code=text("The program or partner that pays, once in the list.", NAME),
        share=record(
            "Its share of the bonus; all shares add up to one.",
            "num den",
            num=positive("Numerator.", maximum=1_000_000),
            den=positive("Denominator.", maximum=1_000_000),
        ),
    ),
    "bonus": record(
        "Units on top of the base. Every bonus that holds is given. Exactly one of `per_full`, `share_of_base` and `flat`.",
        "name funders",
        ("per_full", "share_of_base", "flat"),
        name=_RULE_NAME,
        when=ref("when"),
        per_full=record(
            "So many units for every full amount of points sent.",
            "points units",
            points=positive("The full amount."),
            units=positive("Units for each."),
        ),
        share_of_base=record(
            "This fraction of the base units, rounded down.",
            "num den",
            num=positive("Numerator.", maximum=1_000_000),
            den=positive("Denominator.", maximum=1_000_000),
        ),
        flat=positive("So many units, once."),
        from_points=positive("Only from so many points sent on."),
        most_units=positive("At most so many units an exchange."),
        first_only=truth("Only with the member's first exchange over this corridor."),
        late_days=positive("Arrives so many days after the base; absent: with it.", maximum=3_650),
        funders=_list("Who pays for it, whole.", "funder", 20),
    ),
    "fee": record(
        "What the member is charged besides the points sent. Exactly one of `per_event`, `per_year` and `per_point`.",
        "name in",
        ("per_event", "per_year", "per_point"),
        name=_RULE_NAME,
        when=ref("when"),
        per_event=positive("For every exchange."),
        per_year=positive("With the first exchange of a year."),
        per_point=record(
            "For every point sent, rounded down.",
            "points fee",
            points=positive("For so many points."),
            fee=positive("So much."),
        ),
        most=positive("At most so much an exchange; only with `per_point`."),
        owed_to=one_of(
            "Whose it is: of the source program (the default), or of the house. The program's partner collects it.",
            "program",
            "house",
        ),
        waived=_list("Windows in which nothing is charged.", "span", 50),
        **_IN,
    ),
    "limit": record(
        "How many points a member may send.",
        "name per over most",
        name=_RULE_NAME,
        per=one_of("What it counts: one exchange, or all of a day, month or year.", "exchange", "day", "month", "year"),
        over=one_of("Over this corridor, or over all corridors of the source together.", "corridor", "program"),
        most=positive("Points."),
        period=one_of(
            "The calendar's day, month, year (the default), or the last 24 hours, 30 or 365 days.",
            "calendar",
            "rolling",
        ),
        zone=text("Whose midnight the calendar means, an IANA zone; absent: UTC. Not with `rolling`.", ZONE),
    ),
    "example": record(
        "What the publisher says comes out. The card is refused where its rules say something else.",
        "points received",
        points=positive("Points sent."),
        received=positive("Units that arrive at once."),
        at=text("When; absent: when the card begins.", INSTANT),
        tier=text("The member's tier.", NAME),
        card=text("The card held.", NAME),
        channel=text("The channel.", NAME),
    ),
}

SCHEMA: Shape = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:clearing:rate-card:1",
    "title": "Rate card",
    **record(
        "One version of the rate card of a corridor: how points of the source become units of the target. Numbers are whole and at most "
        "2^53 - 1, written without fraction or exponent.",
        "format source target version announced_at valid_from rates",
        format=one_of("The format of this document.", FORMAT),
        note=text("For people: where the figures come from.", TEXT),
        source=text("The program whose points leave.", NAME),
        target=text("The program whose units arrive; the source itself for transfers between members.", NAME),
        version=positive(
            "Versions of a corridor follow one another; what was published is never edited.", maximum=2**31 - 1
        ),
        announced_at=text("When this version was announced.", INSTANT),
        notice_days=whole(
            "Days between announcement and validity that the publisher promises; absent: none.", 0, 3_650
        ),
        valid_from=text("From when on this version takes the place of the one before.", INSTANT),
        valid_to=text("When the corridor closes; absent: until a later version.", INSTANT),
        off_step=one_of(
            "An amount off the step is refused with the next valid ones (the default), or trimmed: what is left stays with the member.",
            "refuse",
            "trim",
        ),
        monotone=truth("The publisher promises that more points never give fewer units; the reader checks it."),
        channels=_list("The ways to ask; absent: channels play no part.", "channel", 20),
        rates=_list("At most one holds for a member, channel and instant, or one goes first.", "rate", 200),
        bonuses=_list("Units on top.", "bonus", 100),
        fees=_list("What is charged.", "fee", 50),
        limits=_list("How much may be sent.", "limit", 50),
        link=record(
            "What must be true of the link between the two accounts.",
            "",
            min_age_days=positive("Days since the accounts were linked.", maximum=36_500),
            one_card=truth("One card to one account: refused while the account is linked with another."),
        ),
        pool=record(
            "The source account may be a household's pool. A price does not change; what is sent is drawn from its members.",
            "draw members_most",
            draw=one_of("In proportion to what each member holds, by largest remainder.", "pro_rata"),
            members_most=whole("Members at most.", 2, 100),
        ),
        values=record(
            "What is paid for each point that leaves and each unit issued. With them, a card under which base units are worth more than "
            "their points is refused, and bonus units have a value.",
            "redeem issue",
            redeem=record(
                "What the source pays.",
                "value points",
                value=positive("Millionths of the common unit."),
                points=positive("For so many points."),
            ),
            issue=record(
                "What the target is paid.",
                "value units",
                value=positive("Millionths of the common unit."),
                units=positive("For so many units."),
            ),
        ),
        examples=_list("Published examples, checked when the card is read.", "example", 50),
    ),
    "$defs": DEFINITIONS,
}

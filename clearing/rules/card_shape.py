"""The shape of a rate card's document: one table in the words of JSON Schema 2020-12, for the reader here and for everyone else's.

`openapi/rate-card.schema.json` is written from it, and `departures` reads documents by it, so that both refuse the same shapes. One thing
JSON Schema cannot say: 5.0 is no whole number here. What two fields say together is judged by `card_laws`.
"""

from typing import Any

from clearing.rules.units import AMOUNT_MAX

FORMAT = "rate-card/1"
END_OF_TEXT = r"(?![\s\S])"  # `$` would let Python pass a line feed that other readers refuse
NAME = rf"^[a-z0-9][a-z0-9_.-]{{0,63}}{END_OF_TEXT}"
TEXT = rf"^[^\u0000-\u001f\u007f\ud800-\udfff]{{1,500}}{END_OF_TEXT}"
ZONE = rf"^[A-Za-z][A-Za-z0-9_+/-]{{0,63}}{END_OF_TEXT}"
INSTANT = (
    r"^(19|2[0-9])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    rf"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](Z|[+-](0[0-9]|1[0-4]):[0-5][0-9]){END_OF_TEXT}"
)

Shape = dict[str, Any]


def _whole(about: str, minimum: int = 1, maximum: int = AMOUNT_MAX) -> Shape:
    return {"description": about, "type": "integer", "minimum": minimum, "maximum": maximum}


def _truth(about: str) -> Shape:
    return {"description": about, "type": "boolean"}


def _text(about: str, pattern: str) -> Shape:
    return {"description": about, "type": "string", "pattern": pattern}


def _one_of(about: str, *words: str) -> Shape:
    return {"description": about, "type": "string", "enum": list(words)}


def _list(about: str, of: str, most: int, least: int = 1) -> Shape:
    return {
        "description": about,
        "type": "array",
        "items": {"$ref": f"#/$defs/{of}"},
        "minItems": least,
        "maxItems": most,
    }


def _names(about: str) -> Shape:
    return {**_list(about, "name", 50), "uniqueItems": True}


def _record(about: str, required: str, one_of: tuple[str, ...] = (), **properties: Shape) -> Shape:
    """An object of these fields and no other; of the fields `one_of` it has exactly one."""
    shape: Shape = {
        "description": about,
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }
    return shape | ({"oneOf": [{"required": [name]} for name in one_of]} if one_of else {})


def _ref(name: str) -> Shape:
    return {"$ref": f"#/$defs/{name}"}


_DATES: dict[str, Any] = {
    "from": _text("The first instant; absent: always before.", INSTANT),
    "to": _text("The first instant that is not in it any more; absent: for ever.", INSTANT),
}
_IN: dict[str, Any] = {
    "in": _one_of("Millionths of the common unit, or points on top of those sent.", "value", "points")
}
_RULE_NAME = _text("The name of the rule, once in its list; refusals and parts of a price name it.", NAME)

DEFINITIONS: dict[str, Shape] = {
    "name": _text("A code: lower-case letters, digits, dot, dash, underscore.", NAME),
    "span": _record("A window in time.", "", **_DATES),
    "when": _record(
        "For whom and when a rule holds; what is absent does not narrow it. Of rates that hold together, one must be narrowed by all "
        "that the other is, and by more: it goes first.",
        "",
        tiers=_names("Members of one of these tiers."),
        cards=_names("Members who hold one of these cards."),
        channels=_names("Requests through one of these channels."),
        **_DATES,
    ),
    "channel": _record(
        "A way in which members may ask.",
        "name",
        name=_text("Its name, once in the list.", NAME),
        **_DATES,
    ),
    "ratio": _record(
        "So many points give so many units: an exact fraction.",
        "points units",
        points=_whole("Points of the source."),
        units=_whole("Units of the target."),
    ),
    "band": _record(
        "A range of amounts and their ratio: whole blocks, or a minimum and then every step. Each valid amount must give whole units. The "
        "ratio is that of the whole amount, not of the part in the band.",
        "ratio",
        ("block", "step"),
        ratio=_ref("ratio"),
        block=_whole("Smallest amount and step in one; a `minimum` with it is a multiple of it."),
        minimum=_whole("The smallest amount; needed with `step`."),
        step=_whole("From the minimum on, every so many points."),
        maximum=_whole("The largest amount (or the last on the step below it); absent: what stays exact."),
    )
    | {"dependentRequired": {"step": ["minimum"]}},
    "rate": _record(
        "What base units an amount gives, for some members, channels and dates.",
        "name bands",
        name=_RULE_NAME,
        when=_ref("when"),
        bands=_list("Bands in ascending order, none overlapping; amounts between two are off the step.", "band", 50),
    ),
    "funder": _record(
        "Who pays for a part of a bonus.",
        "code share",
        code=_text("The program or partner that pays, once in the list.", NAME),
        share=_record(
            "Its share of the bonus; all shares add up to one.",
            "num den",
            num=_whole("Numerator.", maximum=1_000_000),
            den=_whole("Denominator.", maximum=1_000_000),
        ),
    ),
    "bonus": _record(
        "Units on top of the base. Every bonus that holds is given. Exactly one of `per_full`, `share_of_base` and `flat`.",
        "name funders",
        ("per_full", "share_of_base", "flat"),
        name=_RULE_NAME,
        when=_ref("when"),
        per_full=_record(
            "So many units for every full amount of points sent.",
            "points units",
            points=_whole("The full amount."),
            units=_whole("Units for each."),
        ),
        share_of_base=_record(
            "This fraction of the base units, rounded down.",
            "num den",
            num=_whole("Numerator.", maximum=1_000_000),
            den=_whole("Denominator.", maximum=1_000_000),
        ),
        flat=_whole("So many units, once."),
        from_points=_whole("Only from so many points sent on."),
        most_units=_whole("At most so many units an exchange."),
        first_only=_truth("Only with the member's first exchange over this corridor."),
        late_days=_whole("Arrives so many days after the base; absent: with it.", maximum=3_650),
        funders=_list("Who pays for it, whole.", "funder", 20),
    ),
    "fee": _record(
        "What the member is charged besides the points sent. Exactly one of `per_event`, `per_year` and `per_point`.",
        "name in",
        ("per_event", "per_year", "per_point"),
        name=_RULE_NAME,
        when=_ref("when"),
        per_event=_whole("For every exchange."),
        per_year=_whole("With the first exchange of a year."),
        per_point=_record(
            "For every point sent, rounded down.",
            "points fee",
            points=_whole("For so many points."),
            fee=_whole("So much."),
        ),
        most=_whole("At most so much an exchange; only with `per_point`."),
        waived=_list("Windows in which nothing is charged.", "span", 50),
        **_IN,
    ),
    "limit": _record(
        "How many points a member may send.",
        "name per over most",
        name=_RULE_NAME,
        per=_one_of(
            "What it counts: one exchange, or all of a day, month or year.", "exchange", "day", "month", "year"
        ),
        over=_one_of("Over this corridor, or over all corridors of the source together.", "corridor", "program"),
        most=_whole("Points."),
        period=_one_of(
            "The calendar's day, month, year (the default), or the last 24 hours, 30 or 365 days.",
            "calendar",
            "rolling",
        ),
        zone=_text("Whose midnight the calendar means, an IANA zone; absent: UTC. Not with `rolling`.", ZONE),
    ),
    "example": _record(
        "What the publisher says comes out. The card is refused where its rules say something else.",
        "points received",
        points=_whole("Points sent."),
        received=_whole("Units that arrive at once."),
        at=_text("When; absent: when the card begins.", INSTANT),
        tier=_text("The member's tier.", NAME),
        card=_text("The card held.", NAME),
        channel=_text("The channel.", NAME),
    ),
}

SCHEMA: Shape = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:clearing:rate-card:1",
    "title": "Rate card",
    **_record(
        "One version of the rate card of a corridor: how points of the source become units of the target. Numbers are whole and at most "
        "2^53 - 1, written without fraction or exponent.",
        "format source target version announced_at valid_from rates",
        format=_one_of("The format of this document.", FORMAT),
        note=_text("For people: where the figures come from.", TEXT),
        source=_text("The program whose points leave.", NAME),
        target=_text("The program whose units arrive; the source itself for transfers between members.", NAME),
        version=_whole(
            "Versions of a corridor follow one another; what was published is never edited.", maximum=2**31 - 1
        ),
        announced_at=_text("When this version was announced.", INSTANT),
        notice_days=_whole(
            "Days between announcement and validity that the publisher promises; absent: none.", 0, 3_650
        ),
        valid_from=_text("From when on this version takes the place of the one before.", INSTANT),
        valid_to=_text("When the corridor closes; absent: until a later version.", INSTANT),
        off_step=_one_of(
            "An amount off the step is refused with the next valid ones (the default), or trimmed: what is left stays with the member.",
            "refuse",
            "trim",
        ),
        monotone=_truth("The publisher promises that more points never give fewer units; the reader checks it."),
        channels=_list("The ways to ask; absent: channels play no part.", "channel", 20),
        rates=_list("At most one holds for a member, channel and instant, or one goes first.", "rate", 200),
        bonuses=_list("Units on top.", "bonus", 100),
        fees=_list("What is charged.", "fee", 50),
        limits=_list("How much may be sent.", "limit", 50),
        link=_record(
            "What must be true of the link between the two accounts.",
            "",
            min_age_days=_whole("Days since the accounts were linked.", maximum=36_500),
            one_card=_truth("One card to one account: refused while the account is linked with another."),
        ),
        pool=_record(
            "The source account may be a household's pool. A price does not change; what is sent is drawn from its members.",
            "draw members_most",
            draw=_one_of("In proportion to what each member holds, by largest remainder.", "pro_rata"),
            members_most=_whole("Members at most.", 2, 100),
        ),
        values=_record(
            "What is paid for each point that leaves and each unit issued. With them, a card under which base units are worth more than "
            "their points is refused, and bonus units have a value.",
            "redeem issue",
            redeem=_record(
                "What the source pays.",
                "value points",
                value=_whole("Millionths of the common unit."),
                points=_whole("For so many points."),
            ),
            issue=_record(
                "What the target is paid.",
                "value units",
                value=_whole("Millionths of the common unit."),
                units=_whole("For so many units."),
            ),
        ),
        examples=_list("Published examples, checked when the card is read.", "example", 50),
    ),
    "$defs": DEFINITIONS,
}

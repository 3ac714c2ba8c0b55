"""The shape of a revenue-sharing contract: `openapi/share-contract.schema.json` is written from it and documents are read by it."""

from clearing.rules.agreements import BASIS, PARTS
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
from settlement.rules.contracts import Applies, Figure, Period
from settlement.rules.interest import DayCount

FORMAT = "share-contract/1"
CURRENCY = rf"^[A-Z]{{3}}{END_OF_TEXT}"
STEPS_MAX = 50
PARTIES_MAX = 100

_OF = record(
    "What is shared, as the books of a window say: of a corridor, or of all exchanges in which a program takes part.",
    "figure",
    ("corridor", "program"),
    figure=one_of("What the house earned of them, or what their sources paid.", *Figure),
    corridor=record(
        "From one program to another.",
        "source target",
        source=text("A program.", CODE),
        target=text("A program.", CODE),
    ),
    program=text("A program.", CODE),
)
_BASE = record(
    "The first step: who pays the base; and for settlement runs, what it is.",
    "payer",
    payer=text("A party.", CODE),
    of=_OF,
)
_FEE = record(
    "Of the base: basis points, rounded up to a whole millionth, then held between minimum and maximum; never more than is left.",
    "to tiers",
    to=text("The party that takes it.", CODE),
    tiers=several(
        "By cumulative volume, ascending, the first from 0.",
        record(
            "A tier.",
            "volume basis_points",
            volume=whole("From this volume on; millionths."),
            basis_points=whole("Of the base.", 0, BASIS),
        ),
        20,
        1,
    ),
    applies=one_of(
        "To each slice of the volume, or to the whole base by the tier it reaches; absent: slice.", *Applies
    ),
    minimum=whole("Never less; millionths. Absent: 0."),
    maximum=whole("Never more; millionths. Absent: no maximum."),
)
_CO_FUNDING = record(
    "A campaign's bonus that sponsors pay beside the base.",
    "to ppm sponsors budget overflow",
    to=text("The party that the bonus costs.", CODE),
    ppm=positive("The cost in parts per million of the base, rounded down.", PARTS),
    sponsors=several(
        "Their shares add up to a million; split by largest remainder.",
        record(
            "A sponsor.",
            "party ppm",
            party=text("A party, once in the list.", CODE),
            ppm=positive("Parts per million of the cost.", PARTS),
        ),
        20,
        1,
    ),
    budget=whole("What all sponsors together pay over the period at most; millionths."),
    overflow=text(
        "Who pays beyond the budget: a party, `base` (out of what is left of it) or `dropped` (nobody).", CODE
    ),
)
_TAX = record(
    "Tax on a fee.",
    "fee to basis_points borne_by",
    fee=text("The name of an earlier fee step.", NAME),
    to=text("The party that is paid it.", CODE),
    basis_points=whole("Of the fee, rounded down to a whole millionth.", 0, BASIS),
    borne_by=one_of(
        "On top, out of what is left of the base; or inside, out of the fee by who takes it.", "base", "taker"
    ),
)
_RESIDUAL = record(
    "What is left of the base, by weights, with largest remainder.",
    "weights",
    weights=several(
        "The earlier comes first where remainders are equal.",
        record(
            "A weight.",
            "party weight",
            party=text("A party, once in the list.", CODE),
            weight=positive("Its weight.", PARTS * PARTS),
        ),
        PARTIES_MAX,
        1,
    ),
)
_TRUE_UP = record(
    "At close: what a party got over the period, true-ups before included, made up to a minimum or given back above a maximum.",
    "party against minimum",
    party=text("The party.", CODE),
    against=text("The party that makes up for it, or is given back.", CODE),
    minimum=whole("The guarantee; millionths."),
    maximum=whole("The cap; millionths. Absent: none."),
)
_STEP = record(
    "A step: its name, and what it does.",
    "name",
    ("base", "fee", "co_funding", "tax", "residual", "true_up"),
    name=text("Once in the contract; legs name it.", NAME),
    base=_BASE,
    fee=_FEE,
    co_funding=_CO_FUNDING,
    tax=_TAX,
    residual=_RESIDUAL,
    true_up=_TRUE_UP,
)

SCHEMA: Shape = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:clearing:share-contract:1",
    "title": "Revenue-sharing contract",
    **record(
        "One version of how a base is shared. Steps run in their order. Amounts are millionths of the major unit of the currency; numbers "
        "are whole and at most 2^53 - 1, written without fraction or exponent.",
        "format contract version parties steps",
        format=one_of("The format of this document.", FORMAT),
        contract=text("The contract's code, the same in every version.", CODE),
        version=positive("The number of this version."),
        currency=text("ISO 4217; absent: the common unit.", CURRENCY),
        valid_from=text("It is of the windows that open from then on; published contracts only.", INSTANT),
        valid_to=text("It is of no window that opens then or later.", INSTANT),
        period=one_of(
            "Over which tiers, budgets and guarantees count: of calendar months, by the UTC instant at which a window opens.",
            *Period,
        ),
        parties=several(
            "All parties that the steps name; `house` is one without being listed.",
            text("A party's code, once in the list; neither `base` nor `dropped`.", CODE),
            PARTIES_MAX,
            1,
        ),
        steps=several("First `base`, last `residual`, behind which only `true_up` may stand.", _STEP, STEPS_MAX, 2),
        late=record(
            "Simple interest on a base that is paid late.",
            "basis_points day_count to",
            basis_points=whole("A year.", 0, 10 * BASIS),
            day_count=one_of("Actual days over a year of 360 or 365.", *DayCount),
            to=text("The party that is paid it.", CODE),
        ),
    ),
}
"""JSON Schema 2020-12 of the document."""

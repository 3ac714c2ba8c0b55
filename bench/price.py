"""What a price costs: each card of the tests, priced by the points of its last example and by the units that those give.

A card is read once and priced often. The last row is the most complex card: 20 rates in bands, 9 bonuses, 4 fees, 6 limits.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bench.report import Options, Report, Rounds, Row, middle, spread
from clearing.rules.asks import Ask, Priced
from clearing.rules.card_json import read_card
from clearing.rules.cards import Card
from clearing.rules.pricing import price

LOOPS, ROUNDS, SECONDS = 400, 7, 40.0
CARDS = Path(__file__).parents[1] / "tests" / "rules" / "cards"
MOST_COMPLEX = "own-complex"
UNITS = {
    "card": "a file of tests/rules/cards",
    "rules": "rates, bonuses, fees and limits of the card",
    "us_per_price": "microseconds of one core for a price by points sent, median of all rounds",
    "us_by_received": "the same by units that should arrive",
    "us_to_read": "the same for reading and checking the card, once",
    "spread_pct": "us_per_price: largest minus smallest round, in percent of the median",
}
NOTES = [f"the last row, {MOST_COMPLEX}, is the most complex card"]

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Case:
    """One card and its two questions."""

    name: str
    rules: int
    by_points: Work
    by_units: Work
    reading: Work


def _case(path: Path) -> Case:
    document = json.loads(path.read_text(encoding="utf-8"))
    card = read_card(document)
    if not isinstance(card, Card):
        message = f"{path.name} is no card: {card}"
        raise TypeError(message)
    sent = _question(card)
    found = price(card, sent)
    if not isinstance(found, Priced):
        message = f"{path.name} is not priced: {found}"
        raise TypeError(message)
    received = replace(sent, points=None, units=found.received)
    rules = len(card.rates) + len(card.bonuses) + len(card.fees) + len(card.limits)
    return Case(
        path.stem,
        rules,
        lambda: price(card, sent),
        lambda: price(card, received),
        lambda: read_card(document),
    )


def _question(card: Card) -> Ask:
    """The last example of the card, or its smallest amount."""
    link = card.link.min_age_days
    if not card.examples:
        return Ask(card.span.begins, card.rates[0].minimum, link_age_days=link)
    last = card.examples[-1]
    return Ask(last.at, last.sent, tier=last.tier, card=last.card, channel=last.channel, link_age_days=link)


def _us(work: Work, loops: int) -> float:
    started = time.perf_counter()
    for _ in range(loops):
        work()
    return 1e6 * (time.perf_counter() - started) / loops


def bench(options: Options) -> Report:
    """Every card in turn, round by round."""
    paths = sorted(CARDS.glob("*.json"), key=lambda path: (path.stem == MOST_COMPLEX, path.stem))
    loops, rounds, cases = options.most(LOOPS), Rounds(options, ROUNDS, SECONDS), [_case(path) for path in paths]
    took: dict[str, list[tuple[float, float, float]]] = {case.name: [] for case in cases}
    while rounds.more():
        options.say(f"price: round {rounds.done}")
        for case in cases:
            once = _us(case.reading, max(1, loops // 40))
            took[case.name].append((_us(case.by_points, loops), _us(case.by_units, loops), once))
    return Report("price", [_row(case, took[case.name]) for case in cases], UNITS, NOTES)


def _row(case: Case, took: list[tuple[float, float, float]]) -> Row:
    by_points, by_units, reading = zip(*took, strict=True)
    return {
        "card": case.name,
        "rules": case.rules,
        "us_per_price": round(middle(by_points), 2),
        "us_by_received": round(middle(by_units), 2),
        "us_to_read": round(middle(reading), 1),
        "spread_pct": spread(by_points),
    }

"""What netting alone takes, without a database: ten thousand obligations in three currencies, under every model."""

import time
from random import Random

from bench.report import Options, Report, Row, middle, spread
from clearing.rules.agreements import HOUSE
from clearing.rules.units import Ratio
from settlement.rules.netting import Model, Netted, Obligation, made, net
from settlement.rules.rates import RateSet

OBLIGATIONS = 10_000
PARTIES = (15, 500)
ROUNDS = 3
SEED = 7
RATES = RateSet("EUR", {"EUR": Ratio(1, 1), "USD": Ratio(9_216, 10_000), "JPY": Ratio(1, 163)})
UNITS = {
    "parties": "who owe each other; up to fifteen, the fewest payments are found exactly",
    "seconds": "processor time to net and to say who pays whom",
    "us_per_obligation": "the same for each obligation, in microseconds",
    "payments": "how many come out of it",
    "spread_pct": "seconds: largest minus smallest round, in percent of the median",
}


def bench(options: Options) -> Report:
    """Every model, of few parties and of many."""
    count = options.count or OBLIGATIONS
    rows = [_measured(model, parties, count, options.rounds or ROUNDS) for parties in PARTIES for model in Model]
    return Report("netting", rows, UNITS, [f"median of {options.rounds or ROUNDS} rounds; one process, no database"])


def _measured(model: Model, parties: int, count: int, rounds: int) -> Row:
    owed, took, payments = _owed(parties, count), [], 0
    for _ in range(rounds):
        started = time.process_time()
        found = net(owed, RATES, 2, model)
        took.append(time.process_time() - started)
        if not isinstance(found, Netted) or not _exact(found):
            raise RuntimeError(f"the payments are not the nets: {model}, {parties} parties")
        payments = len(found.payments)
    return {
        "model": str(model),
        "parties": parties,
        "obligations": count,
        "seconds": round(middle(took), 4),
        "us_per_obligation": round(1e6 * middle(took) / count, 2),
        "payments": payments,
        "spread_pct": spread(took),
    }


def _exact(found: Netted) -> bool:
    """Whether the payments make every party's net; the house is left with its own."""
    paid = made(found.payments, found.nets)
    return all(paid[party] == amount for party, amount in found.nets.items() if party != HOUSE)


def _owed(parties: int, count: int) -> list[Obligation]:
    luck = Random(SEED)
    names, currencies = [f"p{place:03}" for place in range(parties)], list(RATES.values)
    pairs = [luck.sample(names, 2) for _ in range(count)]
    return [Obligation(one, other, luck.randrange(10**12), luck.choice(currencies)) for one, other in pairs]

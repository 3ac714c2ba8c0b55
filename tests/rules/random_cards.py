"""Rate cards by chance, mostly sound and sometimes not, and what they should give, worked out from the document with fractions."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Any

Document = dict[str, Any]
NOW = datetime(2026, 6, 1, tzinfo=UTC)
TIERS, CARDS = ("blue", "gold"), ("plain", "metal")
MOST = 2**53 - 1


def document(chance: Random) -> Document:
    """A rate card. About one in three breaks some law: steps, shares, values and rates are thrown without looking."""
    made: Document = {
        "format": "rate-card/1",
        "source": "palm",
        "target": "lotus",
        "version": chance.randint(1, 9),
        "announced_at": "2026-01-01T00:00:00Z",
        "valid_from": "2026-02-01T00:00:00Z",
        "rates": [_rate(chance, "base", {})],
    }
    if chance.random() < 0.5:
        made["off_step"] = chance.choice(["trim", "refuse"])
    if chance.random() < 0.5:
        made["monotone"] = chance.random() < 0.9
    for name in range(chance.choice([0, 0, 1, 2])):
        made["rates"].append(_rate(chance, f"rate-{name}", _when(chance)))
    for part, make, most in (("bonuses", _bonus, 3), ("fees", _fee, 2), ("limits", _limit, 2)):
        if count := chance.randint(0, most):
            made[part] = [make(chance, f"{part}-{index}") for index in range(count)]
    if chance.random() < 0.5:
        issue = chance.randint(1, 20_000)
        made["values"] = {
            "redeem": {"value": issue * chance.randint(1, 40), "points": chance.randint(1, 3)},
            "issue": {"value": issue, "units": 1},
        }
    return made


def _when(chance: Random) -> Document:
    when: Document = {}
    if chance.random() < 0.7:
        when["tiers"] = chance.sample(TIERS, chance.randint(1, 2))
    if chance.random() < 0.4:
        when["cards"] = chance.sample(CARDS, chance.randint(1, 2))
    if chance.random() < 0.3:
        begins = NOW + timedelta(days=chance.randint(-60, 60))
        when["from"] = begins.isoformat()
        if chance.random() < 0.8:
            when["to"] = (begins + timedelta(days=chance.randint(-1, 90))).isoformat()
    return when


def _rate(chance: Random, name: str, when: Document) -> Document:
    bands, begins = [], chance.randint(1, 40)
    for _ in range(chance.choice([1, 1, 2, 3])):
        points, units = chance.randint(1, 12), chance.randint(1, 12)
        step = points * chance.randint(1, 9) if chance.random() < 0.97 else chance.randint(1, 90)
        minimum = -(-begins // step) * step
        band: Document = {"ratio": {"points": points, "units": units}, "step": step, "minimum": minimum}
        if chance.random() < 0.3:
            band["block"] = band.pop("step")
        band["maximum"] = minimum + step * chance.randint(0, 60) + chance.randint(0, step - 1)
        begins = band["maximum"] + chance.randint(0, 40)
        bands.append(band)
    if chance.random() < 0.5:
        del bands[-1]["maximum"]
    return {"name": name, "bands": bands} | ({"when": when} if when else {})


def _bonus(chance: Random, name: str) -> Document:
    kind = chance.choice(["per_full", "share_of_base", "flat"])
    amount: Any = chance.randint(1, 50)
    if kind == "per_full":
        amount = {"points": chance.randint(1, 500), "units": chance.randint(1, 90)}
    elif kind == "share_of_base":
        amount = {"num": chance.randint(1, 120), "den": chance.choice([7, 100])}
    bonus: Document = {"name": name, kind: amount, "funders": _funders(chance)}
    if when := _when(chance):
        bonus["when"] = when
    for field, value in (("from_points", 300), ("most_units", 200), ("late_days", 9)):
        if chance.random() < 0.3:
            bonus[field] = chance.randint(1, value)
    if chance.random() < 0.2:
        bonus["first_only"] = True
    return bonus


def _funders(chance: Random) -> list[Document]:
    shares = [Fraction(1)]
    for _ in range(chance.randint(0, 2)):
        cut = shares.pop() / chance.randint(2, 7)
        shares += [cut, 1 - sum(shares) - cut]
    if chance.random() < 0.03:
        shares[0] += Fraction(1, 1_000)
    return [
        {"code": f"funder-{index}", "share": {"num": share.numerator, "den": share.denominator}}
        for index, share in enumerate(shares)
    ]


def _fee(chance: Random, name: str) -> Document:
    fee: Document = {"name": name, "in": chance.choice(["value", "points"])}
    kind = chance.choice(["per_event", "per_year", "per_point"])
    if kind != "per_point":
        return fee | {kind: chance.randint(1, 90)}
    fee[kind] = {"points": chance.randint(1, 9), "fee": chance.randint(1, 9)}
    return fee | ({"most": chance.randint(1, 90)} if chance.random() < 0.5 else {})


def _limit(chance: Random, name: str) -> Document:
    per = chance.choice(["exchange", "day", "month", "year"])
    over = chance.choice(["corridor", "program"])
    return {"name": name, "per": per, "over": over, "most": chance.randint(200, 5_000)}


# --- what should come out, from the document alone


def _holds(rule: Document, tier: str | None, card: str | None) -> bool:
    when = rule.get("when", {})
    begins, ends = when.get("from"), when.get("to")
    return (
        ("tiers" not in when or tier in when["tiers"])
        and ("cards" not in when or card in when["cards"])
        and (begins is None or datetime.fromisoformat(begins) <= NOW)
        and (ends is None or datetime.fromisoformat(ends) > NOW)
    )


def _narrowed(rate: Document) -> int:
    when = rate.get("when", {})
    return len(when) - ("from" in when and "to" in when)


def base_of(made: Document, points: int, tier: str | None, card: str | None) -> Fraction | None:
    """The exact base units of this amount, or None where it does not travel at the rate in force."""
    rate = max((rate for rate in made["rates"] if _holds(rate, tier, card)), key=_narrowed)
    for band in rate["bands"]:
        step = band.get("block") or band["step"]
        minimum = band.get("minimum", step)
        if minimum <= points <= band.get("maximum", MOST) and (points - minimum) % step == 0:
            return Fraction(points * band["ratio"]["units"], band["ratio"]["points"])
    return None


def bonus_of(made: Document, points: int, base: int, tier: str | None, card: str | None) -> dict[str, tuple[int, bool]]:
    """The units of each bonus that holds, and whether they are late; nobody's first exchange."""
    found = {}
    for bonus in made.get("bonuses", ()):
        if not _holds(bonus, tier, card) or bonus.get("first_only") or points < bonus.get("from_points", 0):
            continue
        units = bonus.get("flat", 0)
        if full := bonus.get("per_full"):
            units = full["units"] * (points // full["points"])
        elif share := bonus.get("share_of_base"):
            units = int(Fraction(base * share["num"], share["den"]))
        if units := min(units, bonus.get("most_units", units)):
            found[bonus["name"]] = (units, "late_days" in bonus)
    return found

"""Statements made for tests: a few partners, every kind of line, amounts that do not come out even."""

from datetime import UTC, date, datetime, timedelta

from clearing.rules.units import Ratio
from clearing.signatures import PrivateKey
from settlement.rules.statement import Conversion, Item, Party, Payment, Period, Settled, Statement, state
from settlement.rules.statement_lines import Line, LineKind, unit

HOUSE_KEY = PrivateKey.generate(bytes(range(32)))
OPENS = datetime(2026, 11, 16, tzinfo=UTC)
CLOSES = OPENS + timedelta(days=7)
PARTNER = Party("palm-hotels", "Palm Hotels")
PARTIES = (Party("house", "Clearing house"), Party("lotus-air", "Lotus Air"), Party("corner", "Corner & Sons"))


def an_exchange(number: int) -> str:
    return f"019a9b3c-7c1e-7000-8000-{number:012d}"


def a_line(number: int) -> Line:
    """Line `number` of as many as are wanted: an exchange out, one in with a bonus, a redemption, and now and then what undoes one."""
    at = OPENS + timedelta(minutes=number % 10_000, seconds=number % 60)
    other = "lotus-air" if number % 3 else "corner"
    exchange, reference = an_exchange(number), f"R-{number:06d}"
    points = 1_000 + number % 977
    match number % 5:
        case 0:
            return Line(LineKind.EXCHANGE, at, other, debit=points * 5_003, fee=points * 17, sent=points,
                        received=points // 2, exchange=exchange, reference=reference)  # fmt: skip
        case 1:
            return Line(LineKind.EXCHANGE, at, other, credit=points * 7_119, funding=points * 311, sent=points // 3,
                        received=points, exchange=exchange, reference=reference)  # fmt: skip
        case 2:
            return Line(LineKind.ACCRUAL, at, other, credit=points * 9_001, received=points, exchange=exchange)
        case 3:
            return Line(LineKind.REDEMPTION, at, other, debit=points * 4_447, sent=points, exchange=exchange,
                        reference=reference)  # fmt: skip
    return Line(LineKind.REVERSAL, at, other, credit=points * 5_003, fee=-points * 17, exchange=exchange, sent=points)


def a_statement(
    count: int = 12, *, parties: tuple[Party, ...] = PARTIES, digits: int = 2, converted: bool = False
) -> Statement:
    lines = [a_line(number) for number in range(count)]
    lines += [
        Line(LineKind.FEE, CLOSES, "house", fee=12_500_000, reference="scheme fee"),
        Line(LineKind.ADJUSTMENT, CLOSES, "lotus-air", credit=1_234_567, reference="W-2026-45, late"),
    ]
    size, exact = unit(digits), sum(line.net for line in lines)
    net = (2 * exact + size) // (2 * size)
    opening = 321 * size
    items = (Item("W-2026-47", net), Item("W-2026-46, open", 321 - 100))
    amount = sum(item.amount for item in items)
    other = (
        Conversion("USD", 2, amount * 10_871 * 100 // (10_000 * 10**digits), Ratio(10_871, 10_000), "ECB 2026-11-20")
        if converted
        else None
    )
    return state(
        reference="W-2026-47-palm-hotels-EUR",
        partner=PARTNER,
        counterparties=parties,
        periods=(Period("W-2026-47", OPENS, CLOSES),),
        currency="EUR",
        digits=digits,
        made_at=CLOSES + timedelta(hours=2),
        opening=opening,
        lines=lines,
        net=net,
        settled=(Settled(date(2026, 11, 18), "SI-0046", -100),),
        payment=Payment("SI-0047", date(2026, 11, 26), amount, items, other),
    )

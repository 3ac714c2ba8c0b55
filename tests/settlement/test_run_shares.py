"""Revenue sharing in the run, on a real ledger: by hand, by date, booked once, clawed back at the original terms, and verified."""

from tests.ledger.books import AIR, HOTEL, SHOP, House
from tests.settlement.runs_room import NEXT_WINDOW, frozen, lively, nets, paid, positions, seal
from tests.settlement.share_room import contract, legs, publish


async def test_half_a_fee_by_hand(house: House) -> None:
    """The house earned 1.00 of Hotel's exchange: Air has half of it. Hotel −10.00; Air 5.00 + 0.50; the house 1.50 − 0.50."""
    await publish(house, contract())
    await lively(house)
    row = await frozen(house)
    assert legs(row) == [("rest", "house", "house", 500_000), ("rest", "house", AIR, 500_000)]
    assert await nets(house, row.run) == {
        HOTEL: ("EUR", -10_000_000, -1_000),
        AIR: ("EUR", 5_500_000, 550),
        SHOP: ("EUR", 3_500_000, 350),
        "house": ("EUR", 1_000_000, 100),
    }
    assert (await paid(house, row.run)).state == "settled"
    assert await positions(house) == {HOTEL: 0, AIR: 0, SHOP: 0}
    assert (await house.balance())[13] == 1_000_000
    assert await house.findings() == []
    await seal(house)
    later = await frozen(house, NEXT_WINDOW)
    assert {micros for _, micros, _ in (await nets(house, later.run)).values()} <= {0}
    assert (await paid(house, later.run)).state == "settled"

"""What a run shared, as its statements tell it, as partners see one another, and as it is explained down to the entries of its base."""

from typing import Any

import pytest

from clearing import errors
from clearing.front import explaining
from clearing.front.books_messages import ExplainedSaid
from clearing.ledger.items import Tick
from clearing.rules.lifecycle import Verdict
from settlement import books, reports, stating
from settlement import run as runs
from settlement.books import BEGINNING, ExplainedShare
from settlement.rules.statement_lines import LineKind
from tests.conftest import FixedClock
from tests.ledger.books import AIR, HOTEL, PROGRAM, SHOP, House, moved_in, uid
from tests.settlement.lively import ALL_KINDS, Lively
from tests.settlement.runs_room import (
    BIG,
    FIRST,
    NEXT_WINDOW,
    SECOND,
    WINDOW,
    frozen,
    lively,
    paid,
    seal,
    step,
)
from tests.settlement.share_room import FEES, GROSS, WATERFALL, contract, publish, waterfalls
from tests.settlement.stating_room import PUBLIC, stated, sums
from tests.settlement.test_statement_files import pages
from tests.settlement.test_stating import closings, held_at_the_end, lived

THIRD_WINDOW = "W-2026-12"


async def test_partners_views_of_what_was_shared_mirror_one_another(house: House) -> None:
    """Hotel owes Air 9.00 and 6.468333, Shop 3.234167 and 0.0475; Shop sponsors 0.60 for Air."""
    await publish(house, contract(of=GROSS, payer=HOTEL, steps=WATERFALL))
    await lively(house)
    row = await frozen(house)
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    found = await books.mirror(
        house.owner, await books.chart(house.owner), await books.span_of(house.owner, house.lane)
    )
    assert found.faults == ()
    owed = {(view.partner, view.counterparty): view.owed for view in found.views}
    assert owed[HOTEL, AIR] == 9_000_000 + 6_468_333
    assert owed[HOTEL, SHOP] == 3_234_167 + 47_500
    assert owed[SHOP, AIR] == 600_000 - 3_500_000
    coming = await books.forecast(house.owner, await books.chart(house.owner), house.lane)
    assert {one.posted for one in coming} == {0}  # the run settles it, the open window does not


async def test_statements_tell_every_leg_and_close_where_the_next_open(house: House) -> None:
    await publish(house, contract(of=GROSS, payer=HOTEL, steps=WATERFALL))
    await lively(house)
    row = await frozen(house)
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    found = await stated(house, row.run)
    assert sums(found) == (0, 0, 0, 0)
    shared = {party: [one for one in said.lines if one.kind is LineKind.SHARE] for party, said in found.items()}
    assert [(one.counterparty, one.debit, one.reference) for one in shared[HOTEL]] == [
        (AIR, 6_468_333, "spring v1 rest"),
        ("house", 250_000, "spring v1 scheme"),
        (SHOP, 3_234_167, "spring v1 rest"),
        (SHOP, 47_500, "spring v1 vat"),
    ]
    for form in ("jsonl", "csv", "pdf"):
        kept = await stating.file_of(house.owner, f"{row.run}-{AIR}", form, AIR)
        said = reports.verify(kept, PUBLIC)
        assert said.sealed is not None, (form, said.findings)
        assert said.sealed.statement == found[AIR]
    assert b"shares by contract" in await stating.file_of(house.owner, f"{row.run}-{AIR}", "svg", AIR)
    payment = found[AIR].payment
    assert payment is not None
    assert [(one.what, one.amount) for one in payment.items] == [
        (f"net of {WINDOW}", 5_000_000),
        ("shares by spring", 6_468_333 + 1_000_000),
    ]
    assert found[AIR].figures.steps.shares == 7_468_333
    await paid(house, row.run)
    await house.complete(3, terms=BIG)
    await seal(house)
    later = await frozen(house, NEXT_WINDOW)
    await runs.carry_on(house.owner, house.writer, later.run, step(house))
    after = await stated(house, later.run)
    assert sums(after) == (0, 0, 0, 0)
    assert {party: one.opening for party, one in after.items()} == closings(found)
    assert (await paid(house, later.run)).state == "settled"
    await seal(house)
    last = await stated(house, (await frozen(house, THIRD_WINDOW)).run)
    assert closings(last) == await held_at_the_end(house, THIRD_WINDOW)
    assert closings(last) | {"house": 0} == dict.fromkeys((HOTEL, AIR, SHOP, "house"), 0)


async def test_over_everything_that_can_happen_shares_tie_to_entries_statements_and_payments(
    database_url: str, clock: FixedClock
) -> None:
    """Four contracts over all kinds of exchange, bonuses and reversals, window after window: every base is its entries to the millionth."""
    async with moved_in(database_url, clock) as house:
        figures: list[dict[str, Any]] = [{"figure": one, "program": PROGRAM[AIR]} for one in ("fee", "gross")]
        figures += [{"figure": "gross", "program": PROGRAM[HOTEL]}, FEES]
        for place, of in enumerate(figures):
            document = contract(of=of, payer=HOTEL if place % 2 else "house", steps=WATERFALL)
            await publish(house, document | {"contract": f"c{place}"})
        lively_books = Lively(house)
        await lively_books.begin()
        known: list[str] = []
        given_back = 0
        for _ in range(2):
            await lively_books.live(ALL_KINDS)
            await seal(house)
            for code in [code for code in await lived(house) if code not in known]:
                known.append(code)
                row = await frozen(house, code)
                await runs.carry_on(house.owner, house.writer, row.run, step(house))
                for one in waterfalls(row):
                    back = "" if one.undone is None else "/back"
                    (page,) = await explained(house, f"{row.run}/{one.contract}{back}", one.window, 500)
                    assert page.waterfall == one
                    assert page.entries.adds_up, one
                    given_back += one.undone is not None
                assert sums(await stated(house, row.run)) == (0, 0, 0, 0)
                await paid(house, row.run)
                await house.put(Tick())
        assert given_back > 0
        found = await books.mirror(
            house.owner, await books.chart(house.owner), await books.span_of(house.owner, house.lane)
        )
        assert found.faults == ()
        assert await house.findings() == []


async def explained(house: House, figure: str, window: str | None, most: int) -> list[ExplainedShare]:
    chart, found, after = await books.chart(house.owner), [], BEGINNING
    while True:
        page = await books.explain_share(house.owner, chart, house.lane, figure, window, after, most)
        found.append(page)
        if page.entries.following is None:
            return found
        after = page.entries.following


@pytest.mark.parametrize("most", [1, 500])
@pytest.mark.parametrize("figure", ["fee", "gross"])
async def test_a_base_is_explained_by_its_entries_to_the_millionth(house: House, figure: str, most: int) -> None:
    await publish(house, contract(of={"figure": figure, "program": PROGRAM[AIR]}, payer=HOTEL))
    await lively(house)
    await house.put(house.reverse(sent=333))
    await house.tell((1, Verdict.DONE), (2, Verdict.DONE), name="back")
    await seal(house)
    for code in (WINDOW, NEXT_WINDOW):
        row = await frozen(house, code)
        (waterfall,) = waterfalls(row)
        await paid(house, row.run)
        found = await explained(house, f"{row.run}/spring", WINDOW, most)
        assert [page.entries.adds_up for page in found] == [True] * len(found)
        leaves = [leaf for page in found for leaf in page.entries.leaves]
        assert abs(sum(leaf.amount for leaf in leaves)) == waterfall.micros == abs(found[-1].entries.carried)
        assert found[0].waterfall == waterfall
        assert (found[0].proposed_by, found[0].confirmed_by) == (FIRST, SECOND)
        assert await books.share_booked(house.owner, house.lane, found[0].booking) == f"{row.run}/spring"
    with pytest.raises(errors.NotFound):
        await explained(house, f"{row.run}/autumn", None, most)


async def test_the_door_explains_a_share_to_its_parties_and_to_each_its_own(house: House) -> None:
    """The operator sees the entry of 1.00 behind half a fee; Air its leg; Shop, a party too, nothing of Hotel's; others nothing."""
    await publish(house, contract(parties=[AIR, SHOP]))
    await lively(house)
    row = await frozen(house)
    await paid(house, row.run)
    said = await explaining.explained(house.owner, {"figure": f"{row.run}/spring"}, None)
    ExplainedSaid.model_validate(said)
    assert (said["amount"], said["carried"], said["adds_up"]) == ("-1000000", "-1000000", True)
    assert [cause["exchange"] for cause in said["exchanges"]] == [str(uid(1))]
    share = said["share"]
    assert (share["contract"], share["version"], share["base"], len(share["legs"])) == ("spring", 1, "1000000", 2)
    again = await explaining.explained(house.owner, {"figure": share["booking"]}, None)
    assert again == said
    airs = await explaining.explained(house.owner, {"figure": share["booking"]}, AIR)
    assert [(leg["to"], leg["amount"]) for leg in airs["share"]["legs"]] == [(AIR, "500000")]
    shops = await explaining.explained(house.owner, {"figure": share["booking"]}, SHOP)
    assert (shops["share"]["legs"], shops["exchanges"], shops["adds_up"]) == ([], [], True)
    with pytest.raises(errors.NotFound):
        await explaining.explained(house.owner, {"figure": share["booking"]}, HOTEL)


@pytest.mark.parametrize("figure", ["fee", "gross"])
async def test_a_party_learns_nothing_of_anothers_exchanges_from_any_page_of_a_share(house: House, figure: str) -> None:
    """Hotel paid 10.00 and Air 4.00. Wherever a page begins, a party is told sums and places of its own entries, and the whole."""
    await publish(house, contract(of={"figure": figure, "program": PROGRAM[AIR]}, payer="house"))
    await lively(house)
    row = await frozen(house)
    await paid(house, row.run)
    asked = {"figure": f"{row.run}/spring"}
    whole = await explaining.explained(house.owner, asked, None)
    of = {cause["exchange"]: [(one["seq"], one["line"]) for one in cause["entries"]] for cause in whole["exchanges"]}
    places = [place for found in of.values() for place in found]
    assert len(places) >= 2
    own = {HOTEL: 10_000_000, AIR: 4_000_000, SHOP: 0} if figure == "gross" else dict.fromkeys((HOTEL, AIR, SHOP), 0)
    asks = {HOTEL: str(uid(1)), AIR: str(uid(2)), SHOP: ""}
    afters = [asked] + [
        asked | {"after": f"{seq + more}.{place}"}
        for seq, line in places
        for more in (-1, 0)
        for place in (line, 32_767)
    ]
    for party, mine in own.items():
        for query in afters:
            said = await explaining.explained(house.owner, query, party, 1)
            ExplainedSaid.model_validate(said)
            entries = [entry for cause in said["exchanges"] for entry in cause["entries"]]
            assert {entry["account"] for entry in entries} <= {f"{party}.position"}
            assert [cause["exchange"] for cause in said["exchanges"]] in ([], [asks[party]])
            assert (said["brought"], said["carried"]) in {("0", str(mine)), (str(mine), str(mine))}
            assert (said["brought"] == said["carried"]) is (not entries)
            assert said["next"] in {None, *("{}.{}".format(*place) for place in of.get(asks[party], ()))}
            assert (said["amount"], said["adds_up"]) == (whole["amount"], True)


async def test_a_run_that_shares_a_window_and_gives_back_of_it_explains_both(house: House) -> None:
    await publish(house, contract(of=GROSS, payer=HOTEL))
    await lively(house)
    await house.put(house.reverse(sent=333))
    await house.tell((1, Verdict.DONE), (2, Verdict.DONE), name="back")
    await seal(house)
    row = await frozen(house, WINDOW, NEXT_WINDOW)
    for figure, one in zip(("spring", "spring/back"), waterfalls(row), strict=True):
        (page,) = await explained(house, f"{row.run}/{figure}", None, 500)
        assert (page.waterfall, page.entries.adds_up) == (one, True)
        assert len(page.entries.leaves) == 1


async def refused(house: House, reader: str | None, **query: str) -> tuple[str, str]:
    """How a question is refused: what a reader can tell two refusals by."""
    with pytest.raises(errors.ClearingError) as found:
        await explaining.explained(house.owner, query, reader)
    return found.value.code, found.value.detail


async def test_who_is_no_party_cannot_tell_a_run_that_shares_from_one_that_is_not_there(house: House) -> None:
    """Two windows are shared by a contract of Air and Shop. Whatever Hotel asks of it, and of nothing, it is answered the same."""
    await publish(house, contract(parties=[AIR, SHOP]))
    await lively(house)
    await house.complete(3, terms=BIG)
    await seal(house)
    row = await frozen(house, WINDOW, NEXT_WINDOW)
    await paid(house, row.run)
    code, detail = await refused(house, AIR, figure=f"{row.run}/spring")
    assert (code, WINDOW in detail, NEXT_WINDOW in detail) == ("validation_failed", True, True)
    booking = (await explaining.explained(house.owner, {"figure": f"{row.run}/spring", "window": WINDOW}, AIR))["share"]
    for there, nowhere in (
        (f"{row.run}/spring", f"{row.run}/autumn"),
        (f"{row.run}/spring", "W-2026-10.9/spring"),
        (f"{row.run}/spring/back", "W-2026-10.9/spring/back"),
        (booking["booking"], str(uid("nothing"))),
        (str(uid(2)), str(uid("nothing"))),  # an exchange of others
    ):
        for more in ({}, {"window": WINDOW}, {"window": "W-1999-01"}, {"after": "1.1"}, {"after": "x"}):
            found = [await refused(house, HOTEL, figure=figure, **more) for figure in (there, nowhere)]
            assert found[0] == found[1], (there, more)


async def test_a_party_of_a_later_version_is_told_nothing_of_what_was_shared_before_it_was_one(house: House) -> None:
    await publish(house, contract(parties=[AIR, SHOP]))
    ((opens_at,),) = await house.rows("SELECT opens_at FROM calendar WHERE code = %s", NEXT_WINDOW)
    later = opens_at.isoformat().replace("+00:00", "Z")
    await publish(house, contract(2, valid_from=later, parties=[AIR, HOTEL, SHOP]))
    await lively(house)
    await house.complete(3, terms=BIG)
    await seal(house)
    row = await frozen(house, WINDOW, NEXT_WINDOW)
    figure = {"figure": f"{row.run}/spring"}
    hotels = await explaining.explained(house.owner, figure, HOTEL)
    assert (hotels["share"]["version"], hotels["share"]["window"]) == (2, NEXT_WINDOW)
    assert (await explaining.explained(house.owner, figure | {"window": WINDOW}, AIR))["share"]["version"] == 1
    code, detail = await refused(house, HOTEL, **figure, window=WINDOW)
    assert (code, WINDOW in detail) == ("not_found", False)
    assert await refused(house, HOTEL, **figure, window=WINDOW) == await refused(
        house, HOTEL, **figure, window="W-1999-01"
    )


async def test_statements_draw_what_contracts_made_of_a_base_to_their_parties(house: House) -> None:
    """Half a fee of 1.00 to Air: Air is told its half and that others have the rest, Shop the base alone, the house all, Hotel nothing."""
    await publish(house, contract(parties=[AIR, SHOP]))
    await lively(house)
    row = await frozen(house)
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    found = await stated(house, row.run)
    assert found[HOTEL].waterfalls == ()
    (airs,), (shops,), (ours,) = (found[party].waterfalls for party in (AIR, SHOP, "house"))
    assert (airs.contract, airs.version, airs.window, airs.base, airs.others) == (
        "spring",
        1,
        WINDOW,
        1_000_000,
        500_000,
    )
    assert [(leg.payer, leg.payee, leg.amount) for leg in airs.legs] == [("house", AIR, 500_000)]
    assert (shops.legs, shops.others) == ((), 1_000_000)
    assert ([leg.amount for leg in ours.legs], ours.others) == ([500_000, 500_000], 0)
    assert airs.net(AIR) == found[AIR].figures.steps.shares == 500_000
    for form in ("jsonl", "csv", "xlsx", "pdf"):
        content = await stating.file_of(house.owner, f"{row.run}-{AIR}", form, AIR)
        sealed = reports.verify(content, PUBLIC).sealed
        assert sealed is not None
        assert sealed.statement.waterfalls == (airs,)
    table = await stating.file_of(house.owner, f"{row.run}-{AIR}", "csv", AIR)
    base = f"H,waterfall,{row.run},spring,1,{WINDOW},,".encode()
    changed = table.replace(base + b"1.000000", base + b"2.000000")
    assert changed != table
    assert reports.verify(changed, PUBLIC).sealed is None
    told = "\n".join(pages(await stating.file_of(house.owner, f"{row.run}-{AIR}", "pdf", AIR)))
    assert "Shared by contracts" in told
    assert "between others" in told
    hotels = "\n".join(pages(await stating.file_of(house.owner, f"{row.run}-{HOTEL}", "pdf", HOTEL)))
    assert "Shared by contracts" not in hotels

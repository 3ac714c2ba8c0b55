"""Laws of an explanation, from any figure of a run, a payment, a paper or a roll-forward: entries and parts are the figure."""

from typing import Any

import pytest

from clearing import errors
from clearing.front.explaining import explained
from settlement import run as runs
from settlement import stating
from settlement.rules.liability import LINES
from settlement.run import Step
from tests.ledger.books import AIR, HOTEL, PROGRAM, SHOP, House, uid
from tests.settlement.billing_room import KEY, approved, billed, publish, table
from tests.settlement.runs_room import FIRST, NEXT_WINDOW, WINDOW, confirmations, frozen, lively, paid, seal
from tests.settlement.share_room import contract
from tests.settlement.share_room import publish as publish_contract
from tests.settlement.test_journals import windows

PARTIES = (AIR, HOTEL, SHOP, "house")


async def asked(
    house: House, figure: str, reader: str | None = None, *, window: str | None = None, most: int = 2
) -> dict[str, Any]:
    """All pages as one; entries and parts were added up."""
    query = {"figure": figure} | ({"window": window} if window else {})
    said = page = await explained(house.owner, query, reader, most)
    while page["next"]:
        page = await explained(house.owner, {**query, "after": page["next"]}, reader, most)
        said = page | {"exchanges": said["exchanges"] + page["exchanges"], "brought": said["brought"]}
    assert said["adds_up"] is True, figure
    if said["amount"] is not None and reader is None:
        assert int(said["amount"]) == total(said) + sum(int(part["amount"]) for part in said["parts"]), figure
    return said


def total(said: dict[str, Any]) -> int:
    return sum(int(entry["amount"]) for cause in said["exchanges"] for entry in cause["entries"])


async def followed(house: House, figure: str, window: str | None = None) -> dict[str, Any]:
    """The figure, and every part of it, down to the entries: each is what the figure above says; a line of a roll-forward on its contra."""
    said = await asked(house, figure, window=window)
    for part in said["parts"]:
        if part["figure"] is not None and "/" not in part["figure"]:
            below = await followed(house, part["figure"], part["window"])
            amount = -int(part["amount"]) if part["what"] in {name for name, _, _ in LINES} else int(part["amount"])
            assert below["amount"] in {None, str(amount)}, part
    return said


async def stated(house: House) -> str:
    """A run with tax and a contract, frozen by one request, confirmed by another, and stated."""
    await publish(house, table())
    await publish_contract(house, contract())
    await lively(house)
    row = await approved(house)
    await runs.freeze(house.owner, house.lane, row.run, Step(house.clock(), FIRST, uid("freeze")))
    await billed(house, row.run)
    await stating.state_run(house.owner, house.lane, row.run, KEY)
    while said := await confirmations(house, row.run):
        step = Step(house.clock(), FIRST, uid("bank"))
        await runs.confirm(house.owner, row.run, said, step)
        await runs.carry_on(house.owner, house.writer, row.run, step)
    return row.run


async def test_a_run_leads_by_the_net_of_each_party_to_entries(house: House) -> None:
    run = await stated(house)
    said = await followed(house, run)
    assert said["amount"] == "0"
    assert sorted(part["figure"] for part in said["parts"]) == sorted(f"{run}:{party}" for party in PARTIES)
    told = dict(
        await house.rows("SELECT party, -sum(micros)::bigint FROM settlement_net WHERE run = %s GROUP BY 1", run)
    )
    assert {part["what"].removeprefix("net of "): int(part["amount"]) for part in said["parts"]} == told
    shared = await asked(house, f"{run}:{AIR}")
    assert [one["kind"] for one in shared["exchanges"]].count("adjusted") == 1  # its share, by the contract


async def test_what_a_contract_shares_is_part_of_a_net_before_it_is_booked(house: House) -> None:
    await publish_contract(house, contract())
    await lively(house)
    row = await frozen(house)
    before = await followed(house, row.run)
    said = await asked(house, f"{row.run}:{AIR}")
    (part,) = said["parts"]
    assert (part["what"], part["figure"]) == ("shares by spring, not booked yet", f"{row.run}/spring")
    await paid(house, row.run)
    assert await followed(house, row.run) == before
    now = await asked(house, f"{row.run}:{AIR}")
    assert (now["parts"], int(now["amount"])) == ([], total(said) + int(part["amount"]))


async def test_a_window_is_explained_by_its_own_entries_and_the_money_apart(house: House) -> None:
    """The tax is booked in the window in which the payments were: it is that window's figure, and they are not."""
    await stated(house)
    window = (await windows(house))[-1]
    ((slice_,),) = await house.rows(
        "SELECT debits - credits FROM position_slice s JOIN calendar c USING (window_id) JOIN partner p "
        "ON s.account = p.number * 16 + 8 WHERE p.partner = %s AND c.code = %s",
        HOTEL,
        window,
    )
    said = await asked(house, f"{HOTEL}.position", window=window)
    ((money,),) = await house.rows("SELECT -paid FROM settlement_instruction WHERE payer = %s", HOTEL)
    assert (int(said["amount"]), int(said["cash"])) == (slice_, money)
    assert {entry["window"] for cause in said["exchanges"] for entry in cause["entries"]} != {None}
    every = await asked(house, f"{HOTEL}.position")
    assert (every["cash"], total(every)) == (None, int(every["amount"]))


async def test_a_statement_its_subtotals_and_its_lines_are_entries(house: House) -> None:
    run = await stated(house)
    for made in await stating.kept(house.owner, run=run):
        said = await (asked if made.partner == "house" else followed)(house, made.statement)
        net = next(
            part["amount"] for part in (await asked(house, run))["parts"] if part["what"] == f"net of {made.partner}"
        )
        assert said["amount"] == net
        for number in range(1, made.lines + 1) if made.partner != "house" else ():
            line = await asked(house, f"{made.statement}:{number}", made.partner)
            assert len([entry for cause in line["exchanges"] for entry in cause["entries"]]) == 1
        for part in ("0", str(made.lines + 1), "nobody") if made.partner != "house" else ():
            with pytest.raises(errors.NotFound):
                await asked(house, f"{made.statement}:{part}")
    with pytest.raises(errors.ValidationFailed, match=f"ask for {run}:house"):
        await asked(house, f"{run}-house:{AIR}")


async def test_a_payment_leads_to_its_net_and_to_the_request_that_confirmed_it(house: House) -> None:
    run = await stated(house)
    for one in await runs.instructions(house.owner, run):
        said = await followed(house, one.instruction)
        assert int(said["amount"]) == (-one.received if one.payer == "house" else one.paid)
        (booked,) = said["exchanges"]
        assert (booked["kind"], booked["terms"]) == ("paid", f"settlement, {one.instruction}")
    kept = await house.rows("SELECT DISTINCT evidence_id FROM adjustment WHERE kind = 'paid'")
    assert kept == [(uid("bank"),)]
    with pytest.raises(errors.NotFound):
        await asked(house, f"CL{'0' * 28}")


async def test_an_adjustment_is_explained_by_its_id_to_whom_it_moves(house: House) -> None:
    await stated(house)
    for name, reference, lines in await house.rows(
        "SELECT adjustment_id, reference, lines FROM adjustment WHERE reason <> 'share'"
    ):
        said = await asked(house, str(name))
        (cause,) = said["exchanges"]
        assert (said["adds_up"], len(cause["entries"]), reference in cause["terms"]) == (True, 2, True)
        late = f", of {WINDOW}, carried to {NEXT_WINDOW}"
        assert cause["terms"].endswith(late) is ("settlement" not in cause["terms"])
        for reader in (AIR, HOTEL, SHOP):
            if reader in lines:
                assert (await asked(house, str(name), reader))["exchanges"][0]["evidence"] is None
            else:
                with pytest.raises(errors.NotFound):
                    await asked(house, str(name), reader)


async def test_an_invoice_and_its_lines_are_fees_rounding_and_tax(house: House) -> None:
    """1.000003 of fees, rounded to 1.00, and 0.21 of tax."""
    await stated(house)
    for name, partner, net, tax, lines in await house.rows(
        "SELECT invoice, partner, net, tax, jsonb_array_length(convert_from(document, 'UTF8')::jsonb -> 'lines') "
        "FROM settlement_invoice"
    ):
        said = await followed(house, name)
        assert int(said["amount"]) == -(net + tax) * 10_000
        own = [await asked(house, f"{name}:{number}", partner) for number in range(1, lines + 1)]
        assert sum(int(line["amount"]) for line in own) == -net * 10_000
        assert all(total(line) for line in own)  # whose invoice it is sees every entry
        for reader, figure in (
            (SHOP if partner != SHOP else AIR, name),
            (partner, f"{name}:9"),
            (partner, f"{name}:x"),
        ):
            with pytest.raises(errors.NotFound):
                await asked(house, figure, reader)


async def test_what_is_parked_and_resumed_is_part_of_a_net(house: House) -> None:
    await lively(house)
    row = await frozen(house, suspended=(AIR,))
    said = await asked(house, f"{row.run}:{HOTEL}")
    assert [part["what"] for part in said["parts"]] == ["parked by this run"]
    await paid(house, row.run)
    await seal(house)
    later = await frozen(house, NEXT_WINDOW)
    said = await asked(house, f"{later.run}:{HOTEL}")
    assert ([part["what"] for part in said["parts"]], said["amount"]) == (["resumed from earlier runs"], "9000000")


async def test_every_line_of_a_roll_forward_is_entries_in_every_window(lively: House) -> None:
    seen = set()
    for window in (None, *(await windows(lively))):
        for program in PROGRAM.values():
            said = await followed(lively, f"{program}:closing", window)
            for name, _, _ in LINES:
                line = await asked(lively, f"{program}:{name}", window=window)
                told = {part["what"]: int(part["amount"]) for part in said["parts"]}
                assert abs(int(line["amount"])) == abs(told.get(name, 0))
                seen |= {name} if total(line) else set()
    assert len(seen) > 8


async def test_nobody_sees_a_figure_of_others(house: House) -> None:
    run = await stated(house)
    ((instruction,),) = await house.rows("SELECT instruction FROM settlement_instruction WHERE payer = %s", HOTEL)
    for figure in (run, f"{run}:{HOTEL}", f"{run}:house", f"{run}-{HOTEL}", f"{run}-{HOTEL}:{AIR}", instruction):
        with pytest.raises(errors.NotFound):
            await asked(house, figure, AIR)
    with pytest.raises(errors.NotFound):
        await asked(house, f"{PROGRAM[HOTEL]}:closing", AIR)
    mine = await asked(house, f"{run}:{AIR}", AIR)
    assert (mine["amount"], total(mine)) == ((await asked(house, f"{run}:{AIR}"))["amount"], int(mine["carried"]))
    for figure in (f"{run}:nobody", "W-2026-99.1", f"{PROGRAM[HOTEL]}:spent"):
        with pytest.raises(errors.NotFound):
            await asked(house, figure)
    with pytest.raises(errors.ValidationFailed, match="not asked for by window"):
        await asked(house, run, window=WINDOW)

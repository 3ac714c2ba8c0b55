"""Runs in which partners pay each other, on a real ledger: every model from draft to the end, broken off anywhere, late, stated."""

from datetime import timedelta
from typing import Any

import pytest

from clearing.rules.refusals import Refusal, RefusalCode
from settlement import reports, stating
from settlement import run as runs
from settlement.rules.netting import Model
from settlement.rules.run import Terms, replayed
from settlement.rules.statement import Statement
from settlement.run import Confirmation, RunRow
from settlement.run import confirming as confirming_room
from settlement.run import late as late_room
from settlement.run import paying as paying_room
from settlement.run import reading as reading_room
from settlement.run import steps as steps_room
from settlement.run import store as store_room
from tests.ledger.books import AIR, HOTEL, KEYS, SHOP, House
from tests.settlement.runs_room import (
    BACK,
    DUE,
    FIRST,
    NEXT_WINDOW,
    SECOND,
    confirmations,
    drafted,
    frozen,
    lively,
    nets,
    paid,
    positions,
    refused,
    seal,
    states,
    step,
    wanted,
)
from tests.settlement.share_room import contract, publish
from tests.settlement.test_run import Breaking, BrokenOffError

KEY = KEYS["operator"]
EVERY = (Model.BILATERAL, Model.GROSS, Model.FEWEST)
PAID = {
    Model.BILATERAL: {
        (HOTEL, AIR): 550, (HOTEL, "house"): 100, (AIR, SHOP): 350, (AIR, "house"): 100,
    },
    Model.GROSS: {
        (HOTEL, AIR): 900, (AIR, HOTEL): 350, (HOTEL, "house"): 100, (AIR, SHOP): 350, (AIR, "house"): 100,
    },
    Model.FEWEST: {(HOTEL, SHOP): 350, (HOTEL, "house"): 200, (HOTEL, AIR): 100},
}  # fmt: skip
"""By hand. Hotel owes Air 9.00 and the house 1.00; Air owes Shop 3.50, Hotel 3.50, the house 2 × 0.50: −6.50, +1.00, +3.50, +2.00."""


async def busy(house: House) -> None:
    """As `lively`, and Air sends Hotel points for 4.00 too, so that each of the two owes the other."""
    await house.complete(3, source=AIR, target=HOTEL, terms=BACK)
    await lively(house)


async def stated(house: House, run: str, form: str = "jsonl") -> dict[str, Statement]:
    await stating.state_run(house.owner, house.lane, run, KEY)
    found = {}
    for kept in await stating.kept(house.owner, run=run):
        data = await stating.file_of(house.owner, kept.statement, form, None)
        verdict = reports.verify(data, {KEY.public.key_id: KEY.public})
        assert verdict.sealed is not None, verdict.findings
        found[kept.partner] = verdict.sealed.statement
    return found


@pytest.mark.parametrize("model", EVERY)
async def test_every_model_by_hand_from_draft_to_settled(house: House, model: Model) -> None:
    await busy(house)
    row = await frozen(house, model=model)
    assert replayed(row.inputs) == row.result
    assert await nets(house, row.run) == {
        HOTEL: ("EUR", -6_500_000, -650), AIR: ("EUR", 1_000_000, 100),
        SHOP: ("EUR", 3_500_000, 350), "house": ("EUR", 2_000_000, 200),
    }  # fmt: skip
    row = await runs.carry_on(house.owner, house.writer, row.run, step(house))
    due = await runs.instructions(house.owner, row.run)
    assert {(one.payer, one.payee): one.minor for one in due} == PAID[model]
    assert {one.state for one in due} == {"due"}
    assert {one.direction for one in due} == {"pay_in", "direct"}
    assert (await paid(house, row.run)).state == "settled"
    assert await positions(house) == {HOTEL: 0, AIR: 0, SHOP: 0}
    assert (await house.balance())[13] == 2_000_000
    assert (await house.cap_of()).position == 0
    assert await house.findings() == []
    assert (await runs.unsound(house.owner, house.lane))[1] == [
        f"{row.run}: no two operators' kept requests approve this result"  # the steps of these tests are not signed
    ]


async def _whole_run(house: House, model: Model) -> RunRow:
    row = await drafted(house, model=model)
    if row.state in {"drafted", "previewed", "approved"}:
        for key in (FIRST, SECOND):
            await runs.approve(house.owner, row.run, row.result_sha256 or "", step(house, key))
        final = await runs.freeze(house.owner, house.lane, row.run, step(house))
        assert isinstance(final, RunRow), final
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    await runs.overdue(house.owner, house.writer, DUE + timedelta(days=2))
    return await paid(house, row.run, late=36)


@pytest.mark.parametrize("model", EVERY)
async def test_broken_off_at_every_statement_it_goes_on_to_the_same_end(
    house: House, monkeypatch: pytest.MonkeyPatch, model: Model
) -> None:
    """Every statement and every booking, the two of one payment among them. Hotel is 36 days late with 6.50: 10 % a year of 360."""
    await busy(house)
    with monkeypatch.context() as patched:
        breaking = Breaking()
        for room in (store_room, steps_room, paying_room, late_room, confirming_room, reading_room):
            for verb in ("rows", "write"):
                if hasattr(room, verb):
                    patched.setattr(room, verb, breaking.wrap(getattr(room, verb)))
        put = house.writer.put
        for room in (paying_room, late_room):
            patched.setattr(room, "put", breaking.wrap(lambda _writer, item: put(item)))
        row = None
        while row is None:
            try:
                row = await _whole_run(house, model)
            except BrokenOffError:
                continue
    assert row.state == "settled"
    found = await states(house, row.run)
    for once in ("drafted", "previewed", "approved", "frozen", "instructed", "paying", "settled"):
        assert found.count(once) == 1, found
    assert found.count("confirmed") == len(PAID[model])
    sides = sum(2 - ("house" in pair) for pair in PAID[model])
    spans = 2 * sum(payer == HOTEL for payer, _ in PAID[model])  # accrued, and the rest of it
    assert await house.rows("SELECT count(*) FROM adjustment") == [(sides + spans,)]
    by_hotel = {payee: minor * 100 for (payer, payee), minor in PAID[model].items() if payer == HOTEL}
    owed = {HOTEL: sum(by_hotel.values()), AIR: -by_hotel.get(AIR, 0), SHOP: -by_hotel.get(SHOP, 0)}
    assert await positions(house) == owed  # 1 % of what it was late with, to whom it was late
    assert await house.findings() == []


async def test_interest_of_a_payment_between_partners_is_settled_with_the_window_that_it_is_booked_in(
    house: House,
) -> None:
    """An adjustment has no pair: it goes through the house, which is a party like others."""
    await lively(house)
    row = await frozen(house, model=Model.BILATERAL)
    assert (await paid(house, row.run, late=36)).state == "settled"
    assert await positions(house) == {HOTEL: 100_000, AIR: -90_000, SHOP: 0}
    await seal(house)
    later = await frozen(house, NEXT_WINDOW, model=Model.BILATERAL)
    await runs.carry_on(house.owner, house.writer, later.run, step(house))
    waits = {(one.payer, one.payee): (one.minor, one.state) for one in await runs.instructions(house.owner, later.run)}
    assert waits == {(HOTEL, "house"): (10, "due"), ("house", AIR): (9, "waiting")}  # pay-ins before pay-outs
    assert (await paid(house, later.run)).state == "settled"
    assert await positions(house) == {HOTEL: 0, AIR: 0, SHOP: 0}


@pytest.mark.parametrize("model", EVERY)
async def test_partners_that_are_paid_in_two_currencies_do_not_pay_each_other(house: House, model: Model) -> None:
    await lively(house)
    said = await runs.draft(
        house.owner, house.lane, wanted(model=model, terms=(Terms(AIR, "JPY", 0, 360),)), step(house)
    )
    assert refused(said) is RefusalCode.ONE_CURRENCY_NEEDED
    assert await house.rows("SELECT count(*) FROM settlement_run") == [(0,)]
    yen = [Terms(one, "JPY", 0, 360) for one in (AIR, HOTEL, SHOP)]
    row = await frozen(house, model=model, terms=tuple(yen))
    assert (await paid(house, row.run)).state == "settled"


async def test_another_model_is_another_run_and_an_aborted_one_makes_room_for_it(house: House) -> None:
    await lively(house)
    first = await drafted(house, model=Model.GROSS)
    other = await runs.draft(house.owner, house.lane, wanted(), step(house))
    assert refused(other) is RefusalCode.WINDOW_IN_RUN
    assert await drafted(house, model=Model.GROSS) == first
    await runs.abort(house.owner, first.run, "the house shall stand between", step(house))
    assert (await paid(house, (await frozen(house)).run)).state == "settled"


async def test_what_a_model_parked_another_resumes(house: House) -> None:
    """Air is suspended in a gross run; a run of fewest payments resumes what it parked."""
    await lively(house)
    row = await frozen(house, model=Model.GROSS, suspended=(AIR,))
    assert (await paid(house, row.run)).state == "settled"
    assert {(one.payer, one.payee) for one in await runs.instructions(house.owner, row.run)} == {(HOTEL, "house")}
    await seal(house)
    later = await frozen(house, NEXT_WINDOW, model=Model.FEWEST)
    due = {(one.payer, one.payee): one.minor for one in await runs.instructions(house.owner, later.run)}
    assert due == {(HOTEL, AIR): 500, (HOTEL, SHOP): 350, (HOTEL, "house"): 50}
    found = await stated(house, later.run)
    for party in (HOTEL, AIR, SHOP):
        for one in found[party].payments:
            assert ("resumed from earlier runs", found[party].payments[0].items[1].amount) in {
                (item.what, item.amount) for item in one.items
            }
    assert (await paid(house, later.run)).state == "settled"
    assert await positions(house) == {HOTEL: 0, AIR: 0, SHOP: 0}


def said_of(instruction: str, **changes: Any) -> Confirmation:
    given: dict[str, Any] = {
        "instruction": instruction, "direction": "direct", "currency": "EUR", "minor": 900, "booked_on": DUE,
        "bank_reference": "of Air's bank",
    }  # fmt: skip
    return Confirmation(**given | changes)


async def test_either_bank_may_tell_a_payment_between_partners_and_it_is_booked_once(house: House) -> None:
    await lively(house)
    row = await frozen(house, model=Model.GROSS)
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    one = next(one for one in await runs.instructions(house.owner, row.run) if one.payee == AIR)
    tries = (
        (said_of(one.instruction, minor=899), "differs"),
        (said_of(one.instruction, currency="USD"), "differs"),
        (said_of(one.instruction, direction="pay_in"), "differs"),
        (said_of(one.instruction), "confirmed"),
        (said_of(one.instruction), "again"),
        (said_of(one.instruction, bank_reference="of Hotel's bank"), "again"),
        (said_of(one.instruction, bank_reference="of Hotel's bank", minor=1), "differs"),
    )
    for said, outcome in tries:
        found = await runs.confirm(house.owner, row.run, [said], step(house, late=1))
        assert not isinstance(found, Refusal)
        assert [told.outcome for told in found] == [outcome], said
    for _ in range(2):
        await runs.carry_on(house.owner, house.writer, row.run, step(house))
    assert await positions(house) == {HOTEL: 1_000_000, AIR: 4_000_000, SHOP: -3_500_000}


@pytest.mark.parametrize("model", EVERY)
async def test_a_statement_says_what_is_in_each_of_its_payments(house: House, model: Model) -> None:
    """Whatever the model: the payments of a partner are its net, and each is the sum of what it is made of."""
    await busy(house)
    row = await frozen(house, model=model)
    found = await stated(house, row.run)
    for party in (HOTEL, AIR, SHOP):
        statement = found[party]
        assert statement.payment is None
        assert sum(one.amount for one in statement.payments) == statement.net
        for one in statement.payments:
            pair = (party, one.other) if one.amount < 0 else (one.other, party)
            assert one.converted is not None
            assert abs(one.converted.amount) == PAID[model][pair]
    assert found["house"].payments == ()
    hotel = {
        one.other: [(item.what, item.amount) for item in one.items] for one in found[HOTEL].payments if one.amount < 0
    }
    assert (
        hotel[AIR]
        == {
            Model.BILATERAL: [(f"owed by {AIR}", 3_500_000), (f"owed to {AIR}", -9_000_000)],
            Model.GROSS: [(f"owed to {AIR}", -9_000_000)],
            Model.FEWEST: [("net of W-2026-10", -6_500_000), ("in other payments", 5_500_000)],
        }[model]
    )
    for form in ("csv", "xlsx", "pdf"):
        assert await stated(house, row.run, form) == found


@pytest.mark.parametrize("model", EVERY)
async def test_what_a_contract_shares_is_paid_from_party_to_party_too(house: House, model: Model) -> None:
    """The house shares what it earned of Hotel with Air: the legs are flows of their own, whoever pays whom."""
    await publish(house, contract())
    await lively(house)
    row = await frozen(house, model=model)
    row = await runs.carry_on(house.owner, house.writer, row.run, step(house))
    found = await stated(house, row.run)
    assert {line.kind.value for line in found[AIR].lines} >= {"share"}
    for party in (HOTEL, AIR, SHOP):
        assert sum(one.amount for one in found[party].payments) == found[party].net
    assert (await paid(house, row.run)).state == "settled"
    assert await positions(house) == {HOTEL: 0, AIR: 0, SHOP: 0}
    assert await house.findings() == []


async def test_a_window_without_anything_settles_at_once_in_every_model(house: House) -> None:
    await seal(house)
    row = await frozen(house, model=Model.FEWEST)
    assert await runs.instructions(house.owner, row.run) == []
    assert (await paid(house, row.run)).state == "settled"
    assert await confirmations(house, row.run) == []

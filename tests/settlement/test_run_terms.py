"""What a run takes from its contracts and its scheme: terms by agreement, the unit by the scheme; and how anybody makes its result anew."""

import json
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clearing import partners
from clearing.front import cli
from clearing.front.materialised import calendar_of
from clearing.rules.agreements import Agreement
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.signatures import PrivateKey
from settlement import run as runs
from settlement import stating
from settlement.rules.netting import Model, Obligation, net
from settlement.rules.rates import only
from settlement.rules.run import Rate, RateSet, Terms, replayed, sha256
from settlement.rules.terms import SaidTerms, terms_of
from settlement.run import RunRow
from tests.agreed import BOTH, LONG_AGO, agreed
from tests.ledger.books import AIR, HOTEL, SHOP, House
from tests.rules.test_settlement_calendar import DOCUMENT
from tests.settlement.runs_room import (
    FIRST,
    RATES,
    SECOND,
    confirmations,
    drafted,
    frozen,
    lively,
    positions,
    refused,
    step,
    wanted,
)

BY_CONTRACT = {"payout_currency": "EUR", "late_interest": {"basis_points": 800, "day_count": "ACT/360"}}


async def by_contract(house: House, **changes: Any) -> None:
    """Hotel's agreement says how it is paid and what it owes when it is late."""
    made = await agreed(house.owner, HOTEL, LONG_AGO, now=house.clock(), **BY_CONTRACT | changes)
    assert isinstance(made, Agreement), made


def result(row: RunRow) -> Any:
    return json.loads(row.result or b"")


# --- terms


async def test_terms_are_those_of_the_agreement_in_force_at_the_cut_off_and_the_result_tells_them(house: House) -> None:
    await by_contract(house)
    await lively(house)
    later = await agreed(
        house.owner,
        HOTEL,
        house.clock() + timedelta(days=1),
        now=house.clock(),
        late_interest={"basis_points": 9_000, "day_count": "ACT/365"},
    )
    assert isinstance(later, Agreement), later
    row = await drafted(house, terms=(), suspended=(SHOP,))
    told = {
        one["partner"]: (one["currency"], one["interest_basis_points"], one["year_days"])
        for one in result(row)["terms"]
    }
    assert told == {AIR: ("EUR", 0, 365), HOTEL: ("EUR", 800, 360), SHOP: ("EUR", 0, 365)}
    assert result(row)["suspended"] == [SHOP]
    assert replayed(row.inputs) == row.result


async def test_interest_is_owed_by_contract_though_the_draft_says_nothing_of_it(house: House) -> None:
    """10.00 at 8 % of 360: 36 days make 80,000."""
    await by_contract(house)
    await lively(house)
    row = await frozen(house, terms=())
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    await runs.confirm(house.owner, row.run, await confirmations(house, row.run, late=36), step(house, late=36))
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    assert (await positions(house))[HOTEL] == 80_000


@pytest.mark.parametrize(
    "said",
    [
        SaidTerms(HOTEL, "JPY"),
        SaidTerms(HOTEL, interest_basis_points=0),
        SaidTerms(HOTEL, interest_basis_points=801),
        SaidTerms(HOTEL, year_days=365),
        Terms(HOTEL, "EUR", 1_000, 360),
    ],
)
async def test_a_draft_that_says_other_terms_than_the_agreement_is_refused(
    house: House, said: SaidTerms | Terms
) -> None:
    await by_contract(house)
    await lively(house)
    answer = await runs.draft(house.owner, house.lane, wanted(terms=(said,)), step(house))
    assert refused(answer) is RefusalCode.TERMS_DIFFER
    assert isinstance(await drafted(house, terms=(Terms(HOTEL, "EUR", 800, 360),)), RunRow)


def test_where_the_agreement_is_silent_the_draft_speaks_and_then_the_usual() -> None:
    silent = SaidTerms("air")
    assert terms_of(silent, None, "EUR") == Terms("air", "EUR", 0, 365)
    assert terms_of(SaidTerms("air", "JPY", 70, 360), None, "EUR") == Terms("air", "JPY", 70, 360)
    assert terms_of(SaidTerms("air", interest_basis_points=70), None, "EUR") == Terms("air", "EUR", 70, 365)


# --- the unit


async def scheme(house: House, currency: str) -> None:
    made = calendar_of(DOCUMENT | {"currency": currency}, 2026)
    assert isinstance(made, dict)
    await partners.publish_calendar(house.owner, made, house.clock(), BOTH)


@pytest.mark.parametrize("rates", [(Rate("EUR", 1, 1, 2),), (Rate("EUR", 1, 1, 2), Rate("USD", 29, 25, 2))])
async def test_rates_of_another_unit_than_the_schemes_convert_nothing(house: House, rates: tuple[Rate, ...]) -> None:
    await lively(house)
    row = await drafted(house, rates=replace(RATES, rates=rates))
    for key in (FIRST, SECOND):
        await runs.approve(house.owner, row.run, row.result_sha256 or "", step(house, key))
    await scheme(house, "USD")
    stopped = await runs.freeze(house.owner, house.lane, row.run, step(house))
    assert refused(stopped) is RefusalCode.RATES_NOT_OF_SCHEME
    await runs.abort(house.owner, row.run, "of another unit", step(house))
    again = await runs.draft(house.owner, house.lane, wanted(rates=replace(RATES, rates=rates)), step(house))
    assert refused(again) is RefusalCode.RATES_NOT_OF_SCHEME


async def test_statements_are_labelled_by_the_scheme(house: House) -> None:
    await lively(house)
    await scheme(house, "USD")
    pegged = RateSet("FED", RATES.date, RATES.published_at, (Rate("EUR", 1, 1, 2), Rate("USD", 1, 1, 2)))
    row = await frozen(house, rates=pegged)
    await stating.state_run(house.owner, house.lane, row.run, PrivateKey.generate(bytes(32)))
    assert {one.currency for one in await stating.kept(house.owner, run=row.run)} == {"USD"}


# --- figures


async def test_what_moves_is_counted_as_clearing_net_counts_it(house: House) -> None:
    """Owed: 9.00 + 1.00 + 3.50 + 0.50. Moved: Hotel's 10.00, once, though the house pays it on."""
    await lively(house)
    told = result(await drafted(house))
    assert (told["gross_micros"], told["net_micros"]) == ("14000000", "10000000")
    owed = [Obligation(debtor, creditor, int(micros), "EUR") for debtor, creditor, micros in told["bilateral"]]
    found = net(owed, only("EUR"), 6, Model.MULTILATERAL)
    assert (found.gross, found.multilateral) == (14_000_000, 10_000_000)  # type: ignore[union-attr]


# --- anew


async def test_anybody_makes_the_result_anew_of_the_inputs_offline(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await lively(house)
    row = await drafted(house)
    file, out = tmp_path / "inputs.json", tmp_path / "result.json"

    def replays(content: bytes, digest: str | None) -> int:
        file.write_bytes(content)
        words = ["clearing", "settle", "replay", str(file), "--result", str(digest), "--out", str(out)]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as left:
            cli.main()
        return int(left.value.code or 0)

    assert replays(row.inputs, row.result_sha256) == 0
    assert json.loads(capsys.readouterr().out)["inputs_sha256"] == sha256(row.inputs) == row.inputs_sha256
    assert out.read_bytes() == row.result
    assert replays(row.inputs.replace(b'"EUR",1000,360', b'"EUR",0,360'), row.result_sha256) == 1
    for broken in (b"{", b"{}", b"[]", b"\xff", row.inputs + b" ", row.inputs.replace(b'"1"', b'"0"')):
        assert replays(broken, row.result_sha256) == 4
        assert "Traceback" not in capsys.readouterr().err


# --- who waits for bank details


def details(partner: str, currency: str = "EUR", version: int = 1) -> dict[str, Any]:
    iban = {"house": "NL91ABNA0417164300", AIR: "DE89370400440532013000", SHOP: "GB82WEST12345698765432"}[partner]
    return {
        "partner": partner, "version": version, "name": partner.title(), "iban": iban, "account": "", "bic": "", "town": "",
        "country": "", "currency": currency,
    }  # fmt: skip


async def publish(house: House, said: dict[str, Any]) -> None:
    """These details are in force from now on."""
    digest = partners.digest_of("bank_details", said)
    proposal = partners.Proposal(
        digest, "bank_details", said["partner"], said, house.clock(), "first-key", BOTH.evidence_id
    )
    done = await partners.publish_details(house.owner, proposal, BOTH, house.clock(), timedelta())
    assert not isinstance(done, Refusal), done


async def test_one_partner_without_bank_details_holds_up_nobody_else_and_the_first_message_never_changes(
    house: House,
) -> None:
    for partner in ("house", AIR):
        await publish(house, details(partner))
    await lively(house)
    row = await frozen(house)
    assert [(one.partner, one.why) for one in await runs.unready(house.owner, row, house.clock())] == [
        (SHOP, f"{SHOP} has no bank details in force")
    ]
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    await runs.confirm(house.owner, row.run, await confirmations(house, row.run), step(house))
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    names = {one.partner: one.instruction for one in await runs.instructions(house.owner, row.run)}

    async def first() -> bytes:
        return (await runs.message(house.owner, row.run, "house", house.clock(), lambda _: 2)).file()

    async def sent() -> dict[str, str | None]:
        found = await runs.sent_by(house.owner, await runs.instructions(house.owner, row.run), house.clock())
        return {name: one.message for name, one in found.items()}

    told = await first()
    assert (names[AIR].encode() in told, names[SHOP].encode() in told) == (True, False)
    assert await sent() == {names[AIR]: "first", names[SHOP]: None}
    house.clock.advance(60)
    await publish(house, details(SHOP, "JPY"))
    assert await sent() == {names[AIR]: "first", names[SHOP]: None}
    house.clock.advance(60)
    await publish(house, details(SHOP, version=2))
    assert await sent() == {names[AIR]: "first", names[SHOP]: "own"}
    assert await runs.unready(house.owner, row, house.clock()) == []
    own = (await runs.again(house.owner, row.run, names[SHOP], "house", house.clock(), lambda _: 2)).file()
    assert (names[AIR].encode() in own, names[SHOP].encode() in own) == (False, True)
    house.clock.advance(60)
    await publish(house, details(AIR, version=2))
    assert await first() == told

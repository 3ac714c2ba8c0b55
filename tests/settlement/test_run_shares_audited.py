"""What the audit finds of revenue sharing: what a run booked, and what later runs read, is what its inputs say."""

import json
from typing import Any

import pytest

from clearing import database
from clearing.evidence import Keyring
from clearing.front import audit
from clearing.ledger.items import Adjust
from settlement import run as runs
from settlement.rules.run import inputs_of
from settlement.run import auditing as auditing_room
from settlement.run import store
from settlement.run.shares import book_shares
from tests.ledger.books import AIR, HOTEL, House, uid
from tests.settlement.runs_room import BIG, NEXT_WINDOW, WINDOW, drafted, frozen, lively, paid, seal
from tests.settlement.share_room import GROSS, WATERFALL, back, booked, contract, faults, publish


async def test_verify_finds_a_booking_that_is_not_what_the_run_shares(house: House) -> None:
    await publish(house, contract())
    await lively(house)
    row = await frozen(house)
    await paid(house, row.run)
    assert await faults(house) == []
    await house.owner.execute("UPDATE adjustment SET lines = replace(lines, '500000', '500001') WHERE reason = 'share'")
    assert await faults(house) == [f"{row.run}: its contracts are not booked once, as it shares"]
    await house.owner.execute("DELETE FROM adjustment WHERE reason = 'share'")
    assert await faults(house) == [f"{row.run}: its contracts are not booked once, as it shares"]
    await house.put(Adjust(None, None, uid("x"), "share", ((AIR, 1), ("house", -1)), 1, "W-1.1/spring"))
    assert (await faults(house))[-1] == "W-1.1/spring: no approved run booked it"
    await house.owner.execute("UPDATE share_contract SET digest = %s", ["0" * 64])
    assert f"{row.run}: version 1 of spring is not what was published" in await faults(house)


async def test_verify_finds_nothing_of_a_frozen_run_that_has_yet_to_book_its_contracts(house: House) -> None:
    """Two contracts: none of them booked, one, both; and one that is booked twice, or otherwise than shared."""
    fault = "its contracts are not booked once, as it shares"
    for name in ("spring", "summer"):
        await publish(house, contract(contract=name))
    await lively(house)
    row = await frozen(house)
    assert await faults(house) == []
    await house.owner.execute("UPDATE settlement_run SET state = 'instructed'")
    assert await faults(house) == [f"{row.run}: {fault}"]
    await house.owner.execute("UPDATE settlement_run SET state = 'frozen'")
    await book_shares(house.writer, row.run, inputs_of(json.loads(row.inputs)))
    assert await faults(house) == []
    await house.owner.execute("DELETE FROM adjustment WHERE reference = %s", [f"{row.run}/summer"])
    assert await faults(house) == []
    again = "INSERT INTO adjustment SELECT (jsonb_populate_record(a, %s)).* FROM adjustment AS a WHERE reason = 'share'"
    await house.owner.execute(again.encode(), [json.dumps({"adjustment_id": str(uid("x")), "seq": -1})])
    assert await faults(house) == [f"{row.run}: {fault}"]
    await house.owner.execute("DELETE FROM adjustment WHERE seq = -1")
    await house.owner.execute("UPDATE adjustment SET lines = replace(lines, '500000', '500001') WHERE reason = 'share'")
    assert await faults(house) == [f"{row.run}: {fault}"]


async def test_verify_finds_what_later_runs_read_if_it_is_not_what_the_run_shared(house: House) -> None:
    """One changed `after`, mark or base, or a row that is gone: each would change what a later run shares, and is found."""
    await publish(house, contract(of=GROSS, payer=HOTEL, steps=WATERFALL))
    await house.complete(1, terms=BIG)
    await seal(house)
    await back(house, 333)
    await seal(house)
    first, second = [await booked(house, code) for code in (WINDOW, NEXT_WINDOW)]
    said = "what later runs read of its contracts is not what its inputs say"
    changes = (
        (first, "UPDATE settlement_share SET after = jsonb_set(after, '{received,shop}', '\"1\"') WHERE run = %s"),
        (first, "UPDATE settlement_share SET before = jsonb_set(before, '{volume}', '\"1\"') WHERE run = %s"),
        (first, "UPDATE settlement_share SET micros = micros + 1 WHERE run = %s"),
        (first, "UPDATE settlement_share SET closing = NOT closing WHERE run = %s"),
        (first, "DELETE FROM settlement_share WHERE run = %s"),
        (second, "UPDATE settlement_share_undone SET until = until + 1 WHERE run = %s"),
        (second, "DELETE FROM settlement_share_undone WHERE run = %s"),
    )
    assert await faults(house) == []
    for row, change in changes:
        async with house.owner.transaction(force_rollback=True):
            changed = await house.owner.execute(change.encode(), [row.run])
            assert changed.rowcount == 1, change
            assert await faults(house) == [f"{row.run}: {said}"], change


async def test_the_audit_sees_runs_that_go_on_at_one_moment(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is approved, frozen and booked between two statements of the audit, which finds nothing wrong."""
    await publish(house, contract())
    await lively(house)
    row = await drafted(house)

    async def going_on(connection: Any, name: str, /, **values: object) -> Any:
        found = await store.rows(connection, name, **values)
        if name == "verify_runs":
            await booked(house)
        return found

    monkeypatch.setattr(auditing_room, "rows", going_on)
    keyring = Keyring("k", *(bytes([place]) * 32 for place in range(3)))
    async with await database.connect(house.url, application=False) as connection:
        checks = await audit.audit(connection, keyring)
    assert (await runs.run_of(house.owner, row.run)).state == "instructed"
    (found,) = [one for one in checks if one.name.startswith("runs are what two keys approved")]
    assert (found.looked_at, found.findings) == (0, ())

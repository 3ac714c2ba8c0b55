"""The files of statements: the evidence is kept at first, all else is printed of it once, and what is kept verifies and stays."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg
import pytest

from clearing import errors
from settlement import reports, stating
from settlement.reports import FORMATS
from settlement.stating import making as making_room
from settlement.stating.frame import frame_of
from settlement.stating.lines import house_lines
from settlement.stating.store import keep, keep_file
from tests.conftest import FixedClock
from tests.ledger.books import AIR, HOTEL, House, moved_in
from tests.settlement.runs_room import WINDOW, frozen
from tests.settlement.runs_room import lively as two_exchanges
from tests.settlement.stating_room import KEY, PUBLIC, printed


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    async with moved_in(database_url, clock) as known:
        yield known


async def test_what_is_kept_at_first_is_the_evidence_and_all_else_is_printed_of_it_once(house: House) -> None:
    await two_exchanges(house)
    run = (await frozen(house)).run
    assert await stating.unprinted(house.owner, 10) == []
    await stating.state_run(house.owner, house.lane, run, KEY)
    before = await stating.kept(house.owner, run=run)
    assert {file.form for one in before for file in one.files} == {"jsonl"}
    assert sorted(await stating.unprinted(house.owner, 10)) == sorted(one.statement for one in before)
    assert len(await stating.unprinted(house.owner, 3)) == 3
    early = await stating.file_of(house.owner, f"{run}-{AIR}", "csv", AIR)
    assert await stating.print_statement(house.owner, f"{run}-{AIR}") == len(FORMATS) - 2
    assert await stating.file_of(house.owner, f"{run}-{AIR}", "csv", AIR) == early
    await printed(house)
    assert await stating.unprinted(house.owner, 10) == []
    for one in await stating.kept(house.owner, run=run):
        assert {file.form for file in one.files} == set(FORMATS)
        sealed = reports.verify(await stating.file_of(house.owner, one.statement, "jsonl", None), PUBLIC).sealed
        assert sealed is not None
        for file in one.files:
            content = await stating.file_of(house.owner, one.statement, file.form, None)
            assert content == reports.render(sealed, file.form)
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (file.sha256, file.size)


async def test_evidence_that_is_not_what_was_sealed_is_not_printed(house: House) -> None:
    await two_exchanges(house)
    run = (await frozen(house)).run
    await stating.state_run(house.owner, house.lane, run, KEY)
    await house.owner.execute(
        "UPDATE settlement_statement_file SET content = told.bytes, sha256 = encode(sha256(told.bytes), 'hex') FROM "
        "(SELECT statement, convert_to(replace(convert_from(content, 'UTF8'), %s, %s), 'UTF8') AS bytes "
        "FROM settlement_statement_file) AS told WHERE settlement_statement_file.statement = told.statement",
        ('"line":1,', '"line":1 ,'),
    )
    with pytest.raises(ValueError, match="not what was sealed"):
        await stating.file_of(house.owner, f"{run}-{AIR}", "csv", AIR)


async def test_of_two_that_state_at_once_one_is_kept(house: House) -> None:
    await two_exchanges(house)
    run = (await frozen(house)).run
    frame = await frame_of(house.owner, house.lane, run)
    made = making_room.made_of_house((frame, KEY.public.key_id), await house_lines(house.owner, frame))
    assert made is not None
    evidence = making_room._evidence(made, KEY)
    assert await keep(house.owner, run, evidence)
    assert not await keep(house.owner, run, replace(evidence, content=b"another"))
    assert await stating.file_of(house.owner, evidence.statement, "jsonl", None) == evidence.content


async def test_of_two_that_print_at_once_both_give_what_is_kept(house: House) -> None:
    await two_exchanges(house)
    run = (await frozen(house)).run
    await stating.state_run(house.owner, house.lane, run, KEY)
    first = await stating.file_of(house.owner, f"{run}-{AIR}", "xlsx", AIR)
    await keep_file(house.owner, f"{run}-{AIR}", "xlsx", b"another")
    assert await stating.file_of(house.owner, f"{run}-{AIR}", "xlsx", AIR) == first


@pytest.mark.parametrize("form", ["jsonl", "csv", "pdf"])
async def test_a_kept_file_verifies_and_a_changed_one_does_not(house: House, form: str) -> None:
    await two_exchanges(house)
    run = (await frozen(house)).run
    await stating.state_run(house.owner, house.lane, run, KEY)
    data = await stating.file_of(house.owner, f"{run}-{AIR}", form, AIR)
    assert reports.verify(data, PUBLIC).sealed is not None
    if form != "pdf":  # what is inside a PDF is compressed
        changed = data.replace(b"9.000000", b"9.000001", 1)
        assert changed != data
        assert reports.verify(changed, PUBLIC).sealed is None


async def test_what_is_kept_cannot_be_changed(house: House, database_url: str) -> None:
    await two_exchanges(house)
    await stating.state_run(house.owner, house.lane, (await frozen(house)).run, KEY)
    await printed(house)
    with pytest.raises(psycopg.errors.CheckViolation):
        await house.owner.execute("UPDATE settlement_statement_file SET content = 'other' WHERE form = 'csv'")
    rights = await house.rows(
        "SELECT privilege_type FROM information_schema.role_table_grants "
        "WHERE grantee = 'clearing_app' AND table_name IN ('settlement_statement', 'settlement_statement_file')"
    )
    assert {right for (right,) in rights} == {"SELECT", "INSERT"}


async def test_a_file_is_its_partners_and_nobody_elses(house: House) -> None:
    await two_exchanges(house)
    run = (await frozen(house)).run
    await stating.state_run(house.owner, house.lane, run, KEY)
    assert await stating.file_of(house.owner, f"{run}-{AIR}", "svg", AIR)
    for name, partner in ((f"{run}-{AIR}", HOTEL), (f"{run}-house", HOTEL), ("W-1999-01.1-air", None)):
        with pytest.raises(errors.NotFound):
            await stating.file_of(house.owner, name, "svg", partner)
    assert [one.partner for one in await stating.kept(house.owner, partner=AIR)] == [AIR]


async def test_a_name_that_no_font_has_leaves_out_the_pdf_only(house: House) -> None:
    await two_exchanges(house)
    await house.owner.execute("UPDATE partner SET name = '航空' WHERE partner = %s", (AIR,))
    run = (await frozen(house)).run
    await stating.state_run(house.owner, house.lane, run, KEY)
    assert await stating.print_statement(house.owner, f"{run}-{AIR}") == len(FORMATS) - 2
    assert f"{run}-{AIR}" not in await stating.unprinted(house.owner, 10)  # nobody tries for ever
    (kept,) = await stating.kept(house.owner, run=run, partner=AIR)
    assert {file.form for file in kept.files} == set(FORMATS) - {"pdf"}
    with pytest.raises(errors.NotFound, match="no font"):
        await stating.file_of(house.owner, kept.statement, "pdf", AIR)


async def test_a_run_that_is_not_frozen_is_not_stated(house: House) -> None:
    with pytest.raises(errors.NotFound):
        await stating.state_run(house.owner, house.lane, f"{WINDOW}.1", KEY)

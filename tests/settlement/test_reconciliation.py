"""Reconciliation against a real PostgreSQL: every seeded difference is found with its class, nothing else is, and nothing matches twice."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from psycopg import AsyncConnection

from bench.seeded import (
    ACCOUNT,
    AS_OF,
    CLASSES,
    CLOSES,
    NEIGHBOURS,
    PARTNER,
    WINDOW,
    Seeded,
    books,
    lay,
    seeded,
)
from clearing import database
from settlement import matching
from settlement.matching import Summary
from settlement.rules.matching import Form, Head, Line, written

IDS = [UUID(int=number) for number in range(1, 20)]


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[AsyncConnection]:
    """A connection with the application's rights, in autocommit."""
    async with await database.connect(database_url) as connection:
        await connection.set_autocommit(True)
        yield connection


async def furnished(url: str, app: AsyncConnection, found: Seeded) -> None:
    async with await database.connect(url, application=False) as owner:
        await lay(owner, found.ours)
    for head, lines in books(found):
        answer = await sent(app, head, list(lines))
        assert answer.taken, answer


async def sent(app: AsyncConnection, head: Head, lines: list[Line], by: str = PARTNER) -> matching.Acknowledgement:
    return await matching.receive(
        app,
        written(head, lines),
        Form.CSV,
        partner=by,
        windows=dict.fromkeys((WINDOW, *NEIGHBOURS), CLOSES),
        at=AS_OF,
        key_id="key",
    )


async def run(app: AsyncConnection, at: object = AS_OF) -> Summary:
    return await matching.match(
        app, lane=0, partner=PARTNER, account=ACCOUNT, window_id=WINDOW, neighbours=NEIGHBOURS, at=AS_OF
    )


async def said(app: AsyncConnection) -> set[tuple[str, UUID | None, object]]:
    found = await matching.breaks(app, PARTNER, WINDOW)
    lines = await (
        await app.execute("SELECT line, exchange_id, reference, amount FROM book_line WHERE partner = %s", [PARTNER])
    ).fetchall()
    names = {line: str(exchange) if exchange else reference or amount for line, exchange, reference, amount in lines}
    return {(str(one.class_), one.our_id, None if one.line is None else names[one.line]) for one in found}


async def matches(app: AsyncConnection, run: int) -> set[tuple[object, ...]]:
    ours = await (await app.execute("SELECT our_id, pass_number FROM match_our WHERE run = %s", [run])).fetchall()
    theirs = await (
        await app.execute("SELECT line, match, pass_number FROM match_theirs WHERE run = %s", [run])
    ).fetchall()
    return {*ours, *theirs}


@pytest.mark.parametrize("seed", range(5))
async def test_every_seeded_break_is_found_with_its_class_and_nothing_else(
    database_url: str, app: AsyncConnection, seed: int
) -> None:
    found = seeded(600, 7, seed, shuffled=seed)
    assert {kind for kind, _, _ in found.expected} == set(CLASSES)
    await furnished(database_url, app, found)
    first = await run(app)
    assert await said(app) == found.expected
    assert first.their_lines == len(found.theirs)
    broken = list(await matching.breaks(app, PARTNER, WINDOW))
    assert sum(first.matched.values()) + sum(1 for one in broken if one.line is not None) == first.their_lines
    assert sum(first.matched_ours.values()) + sum(1 for one in broken if one.our_id) == first.our_lines


async def test_a_run_again_gives_the_same_matches_and_the_same_breaks(database_url: str, app: AsyncConnection) -> None:
    await furnished(database_url, app, seeded(400, 7, 1))
    first = await run(app)
    before = {one.break_id for one in await matching.breaks(app)}
    second = await run(app)
    assert (second.matched, second.breaks) == (first.matched, first.breaks)
    assert await matches(app, second.run) == await matches(app, first.run)
    assert {one.break_id for one in await matching.breaks(app)} == before


async def test_the_order_of_lines_does_not_matter(database_url: str, app: AsyncConnection) -> None:
    straight, mixed = seeded(400, 7, 3), seeded(400, 7, 3, shuffled=11)
    assert straight.theirs != mixed.theirs
    await furnished(database_url, app, mixed)
    await run(app)
    assert await said(app) == straight.expected


async def test_a_window_that_is_little_of_the_log_gives_what_it_gives_as_all_of_it(
    database_url: str, app: AsyncConnection
) -> None:
    found = seeded(400, 7, 5)
    await furnished(database_url, app, found)
    whole = await run(app)
    async with await database.connect(database_url, application=False) as owner:
        await owner.execute("INSERT INTO lane VALUES (0, %s, 1000000, '{}', %s, %s, 0)", [AS_OF, WINDOW, UUID(int=1)])
        await owner.execute(
            "UPDATE lane_window SET sealed_at = %s, sealed_root = '', sealed_size = 10000 WHERE window_id = %s",
            [AS_OF, WINDOW],
        )
    span = database.statement("our_span", "settlement")
    asked = await (await app.execute(span, {"lane": 0, "window_id": WINDOW})).fetchone()
    assert asked == (0, 10_000, False)
    again = await run(app)
    assert (again.our_lines, again.matched, again.breaks) == (whole.our_lines, whole.matched, whole.breaks)
    assert await matches(app, again.run) == await matches(app, whole.run)
    assert await said(app) == found.expected


async def test_a_window_that_the_lane_never_had_has_nothing_of_ours(app: AsyncConnection) -> None:
    assert (await run(app)).our_lines == 0

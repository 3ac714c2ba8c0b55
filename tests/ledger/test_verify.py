"""The verifier: untouched books give no finding, any corruption gives one, and the application's role cannot rewrite history."""

from collections.abc import AsyncIterator
from itertools import count

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clearing import database
from clearing.ledger.items import Adjust, Item, Pay, Tick
from clearing.rules.lifecycle import Path
from tests.conftest import FixedClock
from tests.ledger.books import HOTEL, D, F, House, X, moved_in, uid


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    """Books with something of everything, over three windows, one of them skipped."""
    async with moved_in(database_url, clock) as opened:
        await opened.complete("held")
        await opened.complete("debited", Path.DEBITED)
        clock.advance(14 * 86400)
        await opened.put(Tick())
        await opened.put(opened.reverse("back", "held", 400))
        await opened.tell((1, D), (2, D), name="back")
        await opened.put(opened.reserve("open"))
        await opened.put(opened.reserve("voided", Path.DEBITED))
        await opened.tell((1, D), (2, X), (4, D), (2, D), name="voided")
        await opened.put(opened.reserve("stuck"))
        await opened.tell((1, F), name="stuck")
        await opened.writer.put_all([opened.reserve(name) for name in range(256)])
        await opened.put(Adjust(None, None, uid("adjustment"), "interest", ((HOTEL, 5), ("house", -5))))
        await opened.put(Pay(None, None, uid("payment"), HOTEL, 5, "run 1"))
        assert await opened.findings() == []
        yield opened


CORRUPTIONS = {
    "an entry's amount": "UPDATE entry SET amount = amount + 1 WHERE account = 24 AND amount > 0",
    "two entries that still balance": "UPDATE entry SET amount = amount * 2 WHERE window_id IS NULL",
    "an entry's account": "UPDATE entry SET account = 40 WHERE account = 24",
    "an entry's window": "UPDATE entry SET window_id = 202612 WHERE window_id = 202610",
    "an entry that is gone": "DELETE FROM entry WHERE account = 24 AND amount > 0",
    "an event's entries that are gone": "DELETE FROM entry WHERE seq = (SELECT min(seq) FROM entry)",
    "entries nobody booked": """
        INSERT INTO entry SELECT lane, 3, line, account, window_id, amount, exchange_id FROM entry
        WHERE seq = (SELECT min(seq) FROM entry)""",
    "a position": "UPDATE position_slice SET debits = debits + 1 WHERE account = 24",
    "a position that is gone": "DELETE FROM position_slice WHERE account = 24",
    "what a partner owes": "UPDATE cap_slice SET position = position - 1 WHERE account = 24",
    "what is pending": "UPDATE cap_slice SET pending = pending + 1 WHERE account = 24",
    "a cap that is gone": "DELETE FROM cap_slice WHERE account = 24",
    "what was granted": "UPDATE cap_slice SET granted = granted + 1 WHERE account = 24",
    "a leaf's bytes": "UPDATE leaf SET event = 'nothing' WHERE seq = 5",
    "a leaf's bytes that still read": r"""UPDATE leaf SET event = convert_to(replace(convert_from(event, 'UTF8'), '10000', '10001'), 'UTF8')
        WHERE seq = 3""",
    "a leaf's salt": r"UPDATE leaf SET salt = '\x00' WHERE seq = 5",
    "a leaf's kind": "UPDATE leaf SET kind = 'cancelled' WHERE kind = 'late_credit'",
    "a leaf's hash": r"UPDATE leaf SET hash = '\x00' WHERE seq = 5",
    "a leaf that is gone": "DELETE FROM leaf WHERE seq = 5",
    "the last leaf that is gone": "DELETE FROM leaf WHERE seq = (SELECT max(seq) FROM leaf)",
    "a tile": r"UPDATE tile SET hash = '\x00'",
    "a tile that is gone": "DELETE FROM tile",
    "the frontier": r"UPDATE lane SET frontier[1] = '\x00'",
    "the size": "UPDATE lane SET size = size + 1",
    "the window of the lane": "UPDATE lane SET window_id = 202613",
    "a sealed root": r"UPDATE lane_window SET sealed_root = '\x00' WHERE window_id = 202610",
    "the sealed root of a skipped window": r"UPDATE lane_window SET sealed_root = '\x00' WHERE window_id = 202611",
    "a sealed size": "UPDATE lane_window SET sealed_size = sealed_size - 1 WHERE window_id = 202610",
    "a sealed window opened again": """UPDATE lane_window SET sealed_root = NULL, sealed_at = NULL, sealed_size = NULL
        WHERE window_id = 202610""",
    "an amount accepted": "UPDATE exchange SET sent = sent + 1 WHERE idempotency_key = 'key-held'",
    "terms that still balance": "UPDATE exchange SET debit = debit + 1, fee = fee + 1 WHERE idempotency_key = 'key-open'",
    "an account credited": "UPDATE exchange SET target_account = source_account WHERE idempotency_key = 'key-held'",
    "a program": "UPDATE exchange SET target_program = 'phantom' WHERE idempotency_key = 'key-held'",
    "a path": "UPDATE exchange SET path = 'held' WHERE idempotency_key = 'key-debited'",
    "an exchange's window": "UPDATE exchange SET window_id = 202612 WHERE idempotency_key = 'key-held'",
    "an exchange that is not posted": "UPDATE exchange SET posted_at = NULL WHERE idempotency_key = 'key-held'",
    "an exchange that ended twice": "UPDATE exchange SET state = 'reversed' WHERE idempotency_key = 'key-held'",
    "an exchange that came back": "UPDATE exchange SET state = 'credited', ended_at = NULL WHERE idempotency_key = 'key-held'",
    "a voided exchange that completed": "UPDATE exchange SET state = 'completed' WHERE idempotency_key = 'key-voided'",
    "an exchange nobody asks about": "UPDATE orders SET due_at = NULL WHERE state = 'waiting'",
    "an order that is gone": "DELETE FROM orders WHERE state = 'waiting'",
    "a part reversed": "UPDATE exchange SET reversed = reversed + 1 WHERE idempotency_key = 'key-held'",
    "what was adjusted": """UPDATE adjustment SET lines = '[["hotel",6],["house",-6]]' WHERE kind = 'adjusted'""",
    "an adjustment that is gone": "DELETE FROM adjustment WHERE kind = 'paid'",
    "an adjustment nobody made": """INSERT INTO adjustment
        SELECT lane, exchange_id, 'paid', 3, reserved_at, NULL, NULL, '', NULL, '[]', NULL FROM exchange LIMIT 1""",
    "a receipt number that stands twice": """UPDATE exchange SET reference = 'R-1'
        WHERE idempotency_key IN ('key-held', 'key-debited')""",
    "a reversal that is gone": "DELETE FROM exchange WHERE idempotency_key = 'key-back'",
    "an exchange that is gone": "DELETE FROM exchange WHERE idempotency_key = 'key-open'",
    "a review that nobody owns": "UPDATE review_case SET closed_at = opened_at",
    "an exchange posted twice": """
        INSERT INTO leaf SELECT lane, (SELECT max(seq) + 1 FROM leaf), at, kind, exchange_id, salt, event, hash
        FROM leaf WHERE kind = 'posted' ORDER BY seq LIMIT 1""",
}


async def test_every_corruption_is_found(house: House) -> None:
    missed = []
    await house.owner.set_autocommit(False)
    for name, command in CORRUPTIONS.items():
        changed = await house.owner.execute(command)
        assert changed.rowcount > 0, name
        if not await house.findings_within():
            missed.append(name)
        await house.owner.rollback()
    await house.owner.set_autocommit(True)
    assert missed == []


_lanes = count(1)  # every example has its own


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
async def test_untouched_books_give_no_finding(furnished: str, clock: FixedClock, data: st.DataObject) -> None:
    clock.at = FixedClock().at
    async with moved_in(furnished, clock, next(_lanes), furnished=True) as house:
        for _ in range(data.draw(st.integers(1, 25))):
            name = data.draw(st.integers(0, 3))
            clock.advance(data.draw(st.sampled_from((0, 1, 3 * 86400))))
            leg, verdict = data.draw(st.integers(1, 5)), data.draw(st.sampled_from((D, D, D, X, F)))
            choices: list[Item] = [
                house.reserve(name, Path.HELD),
                house.reserve(name, Path.DEBITED),
                house.answered(leg, verdict, name),
                house.answered(leg, verdict, f"back-{name}"),
                house.reverse(f"back-{name}", name, 700),
                house.cancel(name),
            ]
            item = data.draw(st.sampled_from(choices))
            await house.writer.put_all([item])
        assert await house.findings() == []


@pytest.fixture
async def furnished(database_url: str, clock: FixedClock) -> str:
    async with moved_in(database_url, clock):
        return database_url


@pytest.mark.parametrize(
    "command",
    [
        "UPDATE entry SET amount = 1",
        "DELETE FROM entry",
        "UPDATE leaf SET event = ''",
        "DELETE FROM leaf",
        "UPDATE exchange SET debit = 0",
        "DELETE FROM exchange",
        "UPDATE evidence SET signature = ''",
        "DELETE FROM evidence",
        "UPDATE tile SET hash = ''",
        "DELETE FROM review_case",
        "UPDATE orders SET amount = 1",
        "DELETE FROM lane_window",
        "TRUNCATE entry",
    ],
)
async def test_the_application_cannot_rewrite_history(furnished: str, command: str) -> None:
    async with await database.connect(furnished) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute(command)

"""Two books with seeded differences: ours in the ledger's tables, theirs as lines, and every break that must be found, no other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from psycopg import AsyncConnection

from settlement.rules.matching import Head, Line

PARTNER, NUMBER, PROGRAM = "palm", 7, "palm-points"
ACCOUNT = NUMBER * 16 + 8
WINDOW, NEIGHBOURS = 202610, (202609, 202611)
OPENS = datetime(2026, 3, 2, tzinfo=UTC)
CLOSES = OPENS + timedelta(days=7)
AS_OF = CLOSES + timedelta(days=1)
BOOK_LINES = 200_000
CLASSES = (
    "TIMING", "MISSING_OURS", "MISSING_THEIRS", "AMOUNT_MISMATCH", "RATE_MISMATCH", "DUPLICATE_OURS", "DUPLICATE_THEIRS",
    "WRONG_WINDOW", "STATUS_MISMATCH", "UNIDENTIFIED",
)  # fmt: skip
OLDEST = timedelta(days=5)  # before the last two days of the window: nothing here is on its way

INSERT_EXCHANGES = """
INSERT INTO exchange (
    lane, exchange_id, path, partner, idempotency_key, fingerprint, request_id, quote_id, terms_version, state, reserved_at, posted_at,
    window_id, ended_at, source_program, target_program, source_account, target_account, sent, received, debit, funding, credit, fee,
    rounding, reversed, kept_leg, cancelled, reserved_seq, kind, reference, captured, bonus, bonus_credit
)
SELECT 0, id, 'held', %(partner)s, id::text, '', id, id, '1', 'completed', at, at, window_id, at, %(program)s, %(program)s, id, id,
    points, points, value, 0, value, 0, 0, 0, 0, false, 0, 'exchange', reference, 0, 0, 0
FROM unnest(%(ids)s::uuid[], %(ats)s::timestamptz[], %(windows)s::int[], %(points)s::bigint[], %(values)s::bigint[],
    %(references)s::text[]) AS made (id, at, window_id, points, value, reference)
"""
INSERT_ENTRIES = """
INSERT INTO entry (lane, seq, line, account, window_id, amount, exchange_id)
SELECT 0, %(first)s + place, 0, %(account)s, %(window)s, amount, id
FROM unnest(%(ids)s::uuid[], %(amounts)s::bigint[]) WITH ORDINALITY AS made (id, amount, place)
"""


@dataclass(frozen=True, slots=True)
class Ours:
    """One exchange that booked `amount` on the partner's position."""

    our_id: UUID
    reference: str | None
    at: datetime
    amount: int
    points: int
    window: int = WINDOW


@dataclass(slots=True)
class Seeded:
    """Both books. `expected` names each break by its class, our item, and the exchange, reference or amount of their line."""

    ours: list[Ours] = field(default_factory=list)
    theirs: list[Line] = field(default_factory=list)
    expected: set[tuple[str, UUID | None, object]] = field(default_factory=set)


def named(line: Line) -> object:
    """What tells their lines apart where numbers change with the order."""
    return line.exchange or line.reference or line.amount


def seeded(count: int, share: int, seed: int, *, shuffled: int | None = None) -> Seeded:
    """So many items, one in `share` of them with a difference, each class in turn."""
    luck, found = Random(seed), Seeded()
    for place in range(count):
        item = _item(luck, place, count)
        if place % share == share // 2:
            _break(found, item, CLASSES[place // share % len(CLASSES)], luck)
        else:
            found.ours.append(item)
            found.theirs += _told(item, place)
    if shuffled is not None:
        Random(shuffled).shuffle(found.theirs)
        Random(shuffled + 1).shuffle(found.ours)
    return found


def _item(luck: Random, place: int, count: int) -> Ours:
    at = OPENS + OLDEST * place // count
    points = 100 * luck.randint(1, 500)
    return Ours(_id(luck), f"R-{place}", at, points * 4_000 * (1 if place % 3 else -1), points)


def _id(luck: Random) -> UUID:
    return UUID(int=luck.getrandbits(128))


def _line(item: Ours, **changes: object) -> Line:
    line = Line(1, str(item.our_id), None, item.at, item.amount, item.points, "final")
    return line._replace(**changes)  # type: ignore[arg-type]


def _told(item: Ours, place: int) -> Iterator[Line]:
    """How a partner may say an item: by exchange mostly, by its reference, in two parts, or naming nothing (then its amount is rare)."""
    if place % 20 == 3:
        yield _line(item, exchange=None, reference=item.reference)
    elif place % 20 == 7:
        part = item.amount // 4
        yield _line(item, amount=part, points=None)
        yield _line(item, amount=item.amount - part, points=None)
    elif place % 20 == 11:
        yield _line(item, exchange=None, reference=item.reference, at=item.at + timedelta(hours=30), points=None)
    else:
        yield _line(item)


def _break(found: Seeded, item: Ours, kind: str, luck: Random) -> None:
    told = _line(item)
    ours, theirs = [item], [told]
    expect: list[tuple[str, UUID | None, object]] = [(kind, item.our_id, named(told))]
    if kind == "TIMING":
        ours, theirs = [Ours(item.our_id, item.reference, CLOSES - timedelta(hours=1), item.amount, item.points)], []
        expect = [(kind, item.our_id, None)]
    elif kind == "MISSING_THEIRS":
        theirs, expect = [], [(kind, item.our_id, None)]
    elif kind == "MISSING_OURS":
        ours, expect = [], [(kind, None, named(told))]
    elif kind == "AMOUNT_MISMATCH":
        theirs = [_line(item, amount=item.amount * 2, points=item.points * 2)]
    elif kind == "RATE_MISMATCH":
        theirs = [_line(item, amount=item.amount + item.amount // 10)]
    elif kind == "DUPLICATE_OURS":
        second = Ours(_id(luck), item.reference, item.at + timedelta(minutes=1), item.amount, item.points)
        ours, theirs = [item, second], [_line(item, exchange=None, reference=item.reference)]
        expect = [(kind, second.our_id, None)]
    elif kind == "DUPLICATE_THEIRS":
        theirs, expect = [told, told], [(kind, None, named(told))]
    elif kind == "WRONG_WINDOW":
        ours = [Ours(item.our_id, item.reference, item.at - timedelta(days=7), item.amount, item.points, NEIGHBOURS[0])]
        expect = [(kind, None, named(told))]
    elif kind == "STATUS_MISMATCH":
        theirs = [_line(item, status="pending")]
    else:
        theirs = [_line(item, exchange=None, amount=10**13 + len(found.theirs) * 50_021, points=None)]
        ours, expect = [], [(kind, None, named(theirs[0]))]
    found.ours += ours
    found.theirs += theirs
    found.expected.update(expect)


def books(found: Seeded) -> Iterator[tuple[Head, Iterator[Line]]]:
    """Their lines in books of a size that travels, numbered anew."""
    for sequence, start in enumerate(range(0, max(1, len(found.theirs)), BOOK_LINES), 1):
        part = found.theirs[start : start + BOOK_LINES]
        yield Head(PARTNER, WINDOW, sequence), (line._replace(number=n) for n, line in enumerate(part, 1))


async def lay(connection: AsyncConnection, ours: Sequence[Ours]) -> None:
    """Our side into the tables of the ledger, as its owner: the partner, its window, and what was booked in it."""
    now = OPENS - timedelta(days=30)
    await connection.execute("INSERT INTO partner VALUES (%s, %s, 'Palm', %s)", [PARTNER, NUMBER, now])
    await connection.execute(
        "INSERT INTO program VALUES (%s, 1, %s, 'Points', 'POINT', 'house_json', 'none', '{}', %s, 'points')",
        [PROGRAM, PARTNER, now],
    )
    await connection.execute("INSERT INTO lane_window (lane, window_id, opened_size) VALUES (0, %s, 0)", [WINDOW])
    for start in range(0, len(ours), 50_000):
        part = ours[start : start + 50_000]
        arguments = {
            "partner": PARTNER,
            "program": PROGRAM,
            "ids": [one.our_id for one in part],
            "ats": [one.at for one in part],
            "windows": [one.window for one in part],
            "points": [one.points for one in part],
            "values": [abs(one.amount) for one in part],
            "references": [one.reference for one in part],
        }
        await connection.execute(INSERT_EXCHANGES, arguments)
        here = [one for one in part if one.window == WINDOW]
        booked = {"ids": [one.our_id for one in here], "amounts": [one.amount for one in here]}
        place = {"first": start * 2, "account": ACCOUNT, "window": WINDOW}
        await connection.execute(INSERT_ENTRIES, booked | place)

"""A window as a lane lived it, made by SQL: partners with a program each, exchanges over all pairs of them, entries, positions and log.

Every exchange has the one event that posted it, with the eight entries of a posted exchange; leaves open their commitments, and the lane
stands at the root of all of them, in the week before this one. Whoever writes to it next crosses the cut-off and seals that window.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from clearing import database, partners
from clearing.front.wiring import prepare
from clearing.partners import KEY_PROOF, FiledContract, FiledPaper, Signers, key_proof
from clearing.partners.contracts import KIND
from clearing.rules import merkle
from clearing.signatures import PrivateKey, jws_sign

PARTNERS = 200
FETCHED = 50_000
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
_KEYS = [PrivateKey.generate(bytes([number] * 32)) for number in (1, 2)]
FIRST, SECOND = (key.public.key_id for key in _KEYS)
PROPOSED, CONFIRMED = UUID(int=1), UUID(int=2)
ROWS = (
    "INSERT INTO partner SELECT 'p' || n, n, 'Partner ' || n, now() FROM generate_series(1, %(partners)s) n",
    """INSERT INTO program SELECT 'g' || n, n, 'p' || n, 'Program ' || n, 'point', 'house_json', 'http://127.0.0.1:9',
        '{"hold_seconds": 900, "idempotent": true, "look_up": true, "reversal": true, "batch": 100, "longest_seconds": 60}',
        now(), 'points'
    FROM generate_series(1, %(partners)s) n""",
    "DELETE FROM lane_window",
    "INSERT INTO lane_window (lane, window_id, opened_size) VALUES (0, %(window)s, 0)",
    """INSERT INTO exchange (lane, exchange_id, path, partner, idempotency_key, fingerprint, request_id, quote_id, terms_version, state,
        reserved_at, posted_at, window_id, ended_at, source_program, target_program, source_account, target_account, sent, received,
        debit, funding, credit, fee, rounding, reversed, kept_leg, cancelled, reserved_seq, kind, captured, bonus,
        bonus_credit)
    SELECT 0, md5('x' || n)::uuid, 'held', 'p' || source, n::text, '\\x00', md5('r' || n)::uuid, md5('q' || n)::uuid, 'v', 'completed',
        at, at, %(window)s, at, 'g' || source, 'g' || target, md5('s' || n)::uuid,
        md5('t' || n)::uuid, 1000, 500, debit, 0, debit - 10, 10, 3, 0, 0, false, n, 'exchange', 0, 0, 0
    FROM (
        SELECT n, 1 + n %% %(partners)s AS source, 1 + (n + 1 + (n / %(partners)s) %% (%(partners)s - 1)) %% %(partners)s AS target,
            1000000 + n %% 997 AS debit, %(opens_at)s + n * interval '1 week' / %(exchanges)s AS at
        FROM generate_series(0, %(exchanges)s - 1) n
    ) made""",
    """INSERT INTO entry SELECT 0, x.reserved_seq, e.line, e.account, %(window)s, e.amount, x.exchange_id
    FROM exchange x, LATERAL (VALUES
        (0, substr(x.source_program, 2)::int * 16 + 1, -1000), (1, substr(x.source_program, 2)::int * 16 + 3, 1000),
        (2, substr(x.target_program, 2)::int * 16 + 4, -500), (3, substr(x.target_program, 2)::int * 16 + 1, 500),
        (4, substr(x.source_program, 2)::int * 16 + 8, x.debit), (5, substr(x.target_program, 2)::int * 16 + 8, -x.credit),
        (6, 14, -x.fee + x.rounding), (7, 15, -x.rounding)
    ) AS e (line, account, amount) WHERE x.lane = 0""",
    """INSERT INTO leaf SELECT 0, seq, at, 'posted', exchange_id, salt, event,
        sha256('\\x00' || sha256('evt-v1'::bytea || salt || event))
    FROM (
        SELECT reserved_seq AS seq, posted_at AS at, exchange_id, sha256(reserved_seq::text::bytea) AS salt,
            format('{"event":"posted","exchange":"%%s","seq":%%s}', exchange_id, reserved_seq)::bytea AS event
        FROM exchange WHERE lane = 0 ORDER BY reserved_seq
    ) made""",
    """INSERT INTO position_slice SELECT 0, %(window)s, account, sum(greatest(amount, 0)), sum(greatest(-amount, 0))
    FROM entry WHERE lane = 0 GROUP BY account""",
    "INSERT INTO cap_slice SELECT 0, number * 16 + 8, 1000000000000000, 0, 0 FROM partner",
)
WINDOW = "SELECT window_id, code, opens_at FROM calendar WHERE closes_at <= now() ORDER BY opens_at DESC LIMIT 1"
LANE = "UPDATE lane SET size = %s, frontier = %b, window_id = %s, last_at = %s WHERE lane = 0"


@dataclass(frozen=True, slots=True)
class Ground:
    """The window that was filled: its number and code, and the day on which it opened."""

    number: int
    code: str
    day: date


async def fill(url: str, exchanges: int) -> Ground:
    """Make the window in an empty database; nobody has sealed it yet."""
    await prepare(url)
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("SET statement_timeout = 0")
        ((number, code, opens_at),) = connection.execute(WINDOW).fetchall()
        given = {
            "partners": PARTNERS,
            "exchanges": exchanges,
            "window": number,
            "opens_at": opens_at,
            "keys": [FIRST, SECOND],
        }
        for statement in ROWS:
            connection.execute(statement, given)
    with psycopg.connect(url) as connection:
        last = opens_at + timedelta(days=7) - timedelta(seconds=1)
        connection.execute(LANE, (exchanges, _frontier(connection), number, last))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
    return Ground(number, code, opens_at.date())


def _frontier(connection: psycopg.Connection) -> list[bytes]:
    """What the lane keeps of its tree."""
    frontier: list[bytes] = []
    with connection.cursor("leaves") as cursor:
        cursor.itersize = FETCHED
        for size, (leaf,) in enumerate(cursor.execute("SELECT hash FROM leaf WHERE lane = 0 ORDER BY seq")):
            merkle.append(frontier, size, leaf)
    return frontier


def tax_table() -> dict[str, Any]:
    """How the house's fees are taxed: one law for everybody."""
    lawful = {"treatment": "standard", "basis_points": 2_100, "reason": "", "kinds": []}
    address = ["Quay 1", "1011 AA Amsterdam"]
    customers = [
        {"partner": f"p{n}", "name": f"Partner {n}", "address": address, "vat_id": "NL001234567B01", "taxes": [lawful]}
        for n in range(1, PARTNERS + 1)
    ]
    supplier = {"name": "Clearing House B.V.", "address": address, "vat_id": "NL009876543B01"}
    days = {"valid_from": "2020-01-01", "valid_until": "2099-12-31"}
    said = {"name": "bench", **days, "series": "CH", "currency": "EUR", "digits": 2, "supplier": supplier}
    return {**said, "customers": customers}


def contract(code: str, source: int) -> dict[str, Any]:
    """A contract by which the house shares, in halves with a partner, what it earns of all exchanges of this partner's program."""
    of = {"figure": "fee", "program": f"g{source}"}
    weights = [{"party": "house", "weight": 1}, {"party": f"p{source}", "weight": 1}]
    steps = [{"name": "base", "base": {"payer": "house", "of": of}}, {"name": "rest", "residual": {"weights": weights}}]
    given = {"format": "share-contract/1", "contract": code, "version": 1, "parties": [f"p{source}"], "period": "month"}
    return given | {"valid_from": "2020-01-01T00:00:00Z", "steps": steps}


async def publish(url: str, contracts: int) -> None:
    """A tax table, and so many contracts, by two keys each."""
    async with await database.connect(url, application=False) as connection:
        await connection.set_autocommit(True)
        for key in _KEYS:
            proof = jws_sign(key_proof(key.public.key_id, None, "operator"), key, KEY_PROOF)
            await partners.register_key(connection, key.public.jwk, "operator", None, "sandbox", proof, LONG_AGO)
        table = await partners.propose(connection, partners.TAXES, "house", tax_table(), FIRST, PROPOSED, LONG_AGO)
        told = Signers(FIRST, SECOND, CONFIRMED)
        if not isinstance(await partners.publish_paper(connection, table, told, LONG_AGO), FiledPaper):
            raise TypeError("the tax table was not published")
        for number in range(1, contracts + 1):
            said = contract(f"deal-{number}", number)
            proposed = await partners.propose(connection, KIND, "house", said, FIRST, PROPOSED, LONG_AGO)
            if not isinstance(await partners.publish_contract(connection, proposed, told, LONG_AGO), FiledContract):
                raise TypeError("the contract was not published")

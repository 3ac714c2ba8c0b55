"""Points come back as old as they were, whatever becomes of the exchange; and the quote says how expiry changes. Real processes."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from clearing import database, partners
from clearing.client import Clearing, Problem
from clearing.front.stage import MILE_MONTHS, Stage, stage
from clearing.partners import Told
from clearing.rules.lots import months_after

WAIT = 20
HOTEL, AIRLINE = "palm-hotels", "lotus-air"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_numbers = count(1)
Table = list[tuple[str, int, int, int | None]]


@dataclass
class Scene:
    """The stage, the hotel's engineer, and a member of both programs."""

    on: Stage
    palm: Clearing
    source: str
    target: str

    def lots(self, program: str) -> Table:
        """The member's lots in the program's own store: lot, free points, earned, expires; nothing may be held beside them."""
        token = self.source if program == HOTEL else self.target
        with closing(sqlite3.connect(f"file:{self.on.folder / program}.db?mode=ro", uri=True)) as store:
            query = "SELECT number, held FROM member JOIN account USING (number) WHERE token = ?"
            number, held = store.execute(query, [token]).fetchone()
            assert held == 0
            query = "SELECT lot, amount, earned_at, expires_at FROM lot WHERE number = ? AND amount > 0 ORDER BY earned_at, lot"
            return store.execute(query, [number]).fetchall()

    def both(self) -> tuple[Table, Table]:
        return self.lots(HOTEL), self.lots(AIRLINE)

    def script(self, program: str, operation: str, fault: str) -> None:
        body = {"operation": operation, "fault": fault, "times": 1}
        assert httpx.post(f"{self.on.programs[program]}/sandbox/script", json=body).status_code == 200

    def quote(self, sent: int) -> dict[str, Any]:
        return self.palm.quote(self.source, self.target, sent=sent)

    def exchange(self, sent: int) -> dict[str, Any]:
        return self.palm.exchange(self.quote(sent)["quote"], wait=WAIT)

    def takes(self, path: str) -> None:
        """From now on the house takes the hotel's points by hold, or by debit."""
        seconds = 900 if path == "held" else 0
        with psycopg.connect(self.on.database) as connection:
            connection.execute(
                "UPDATE program SET capabilities = jsonb_set(capabilities, '{hold_seconds}', to_jsonb(%s::int)) WHERE program = %s",
                [seconds, HOTEL],
            )
        while self._hold_seconds() != seconds:  # the directory is at most a second old
            pass

    def _hold_seconds(self) -> int:
        listed = self.palm._ask("GET", "/v1/programs", None, {})["programs"]
        held: int = next(one["capabilities"]["hold_seconds"] for one in listed if one["program"] == HOTEL)
        return held


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One stage; each test has a member of its own."""
    with stage(tmp_path_factory.mktemp("lots")) as set_up:
        yield set_up


@pytest.fixture
def scene(on: Stage) -> Iterator[Scene]:
    with on.client("palm") as palm:
        member = f"SBX-OK-LOTS-{next(_numbers)}"
        accounts = [palm.account(program, member)["account"] for program in (HOTEL, AIRLINE)]
        yield Scene(on, palm, *accounts)


@pytest.mark.parametrize("path", ["held", "debited"])
def test_lots_are_what_they_were_after_a_declined_a_cancelled_and_a_reversed_exchange(scene: Scene, path: str) -> None:
    scene.takes(path)
    before = scene.both()
    assert len(before[0]) == 3
    _declined(scene, path)
    assert scene.both() == before
    _cancelled(scene, path)
    assert scene.both() == before
    _reversed(scene, path, before)
    assert scene.both() == before


def _declined(scene: Scene, path: str) -> None:
    declined = scene.exchange(21_876)  # 10,938 miles: the airline exceeds a limit
    assert (declined["state"], declined["path"]) == ("reversed", path)
    assert "limit_exceeded" in declined["reason"]


def _cancelled(scene: Scene, path: str) -> None:
    """The hotel takes its time over the points; meanwhile the member thinks again."""
    scene.script(HOTEL, "hold" if path == "held" else "debit", "pending_then_done")
    exchange = scene.palm.exchange(scene.quote(30_000)["quote"])["exchange"]
    scene.palm.cancel(exchange)
    ended = scene.palm.look_up(exchange, wait=WAIT)
    assert (ended["state"], ended["path"]) == ("reversed", path)
    taken = "hold" if path == "held" else "debit"
    assert scene.on.effects(HOTEL, exchange) == [taken, "release" if path == "held" else "reverse"]
    assert scene.on.effects(AIRLINE, exchange) == []


def _reversed(scene: Scene, path: str, before: tuple[Table, Table]) -> None:
    """Used are the oldest points; the miles are a lot of their own that bears the name of the exchange; then all of it is undone."""
    done = scene.exchange(20_000)
    assert (done["state"], done["path"]) == ("completed", path)
    hotel, airline = scene.both()
    assert [lot for lot, *_ in hotel] == [before[0][2][0]]
    assert hotel[0][1] == before[0][2][1] - (20_000 - 1_200 - 8_800)
    (new,) = [row for row in airline if row not in before[1]]
    assert (new[0], new[1]) == (f"{done['exchange'].replace('-', '')}-2", 10_000)
    assert new[3] == _milliseconds(months_after(EPOCH + timedelta(milliseconds=new[2]), MILE_MONTHS))
    back = scene.palm.reverse(done["exchange"], 20_000, "the member asked for it", wait=WAIT)
    assert back["state"] == "completed"


def _milliseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def test_a_part_that_is_reversed_leaves_what_a_smaller_exchange_would_have_used(scene: Scene) -> None:
    first, _ = scene.both()
    done = scene.exchange(16_000)
    scene.palm.reverse(done["exchange"], 14_000, "too many", wait=WAIT)
    assert scene.both()[0] == [(first[1][0], 8_000, *first[1][2:]), first[2]]


def test_a_quote_says_that_points_of_one_date_become_miles_of_another(scene: Scene) -> None:
    asked = datetime.now(UTC)
    lots = scene.lots(HOTEL)
    quote = scene.quote(20_000)
    lines = quote["expiry"]
    assert [line["amount"] for line in lines] == [1_200, 8_800, 10_000]
    assert [_milliseconds(datetime.fromisoformat(line["expires_at"])) for line in lines] == [lot[3] for lot in lots]
    for line in lines:
        until = datetime.fromisoformat(line["becomes"]["expires_at"])
        assert line["becomes"]["months"] == MILE_MONTHS
        assert months_after(asked, MILE_MONTHS) <= until <= months_after(datetime.now(UTC), MILE_MONTHS)
    days = (datetime.fromisoformat(lines[0]["expires_at"]) - asked).days
    assert days in {10, 11}  # 1,200 points that expire in 11 days become miles that live 36 months
    assert [line["amount"] for line in scene.quote(1_000)["expiry"]] == [1_000]
    assert sum(line["amount"] for line in scene.palm.quote(scene.source, scene.target, received=600)["expiry"]) == 1_200


def test_a_quote_comes_without_expiry_when_the_program_cannot_be_asked(scene: Scene) -> None:
    for fault in ("timeout_not_applied", "error_not_applied", "garbage", "wrong_signature"):
        scene.script(HOTEL, "lots", fault)
        quote = scene.quote(20_000)
        assert (quote["expiry"], quote["target"]["amount"]) == (None, 10_000)
    assert scene.quote(20_000)["expiry"] is not None
    assert scene.quote(2_000_000)["expiry"] is None  # more than the member has: nobody can say which points those are
    with pytest.raises(Problem, match="below_minimum"):
        scene.quote(2)


def test_lots_lead_to_the_exchanges_that_made_and_used_them(scene: Scene) -> None:
    done = scene.exchange(20_000)
    taken = "debited" if done["path"] == "debited" else "held"
    hotel = scene.palm.lots(scene.source)
    table = [(lot["lot"], lot["amount"]) for lot in hotel["lots"]]
    assert table == [(lot, amount) for lot, amount, *_ in scene.lots(HOTEL)]  # oldest first, as the program uses them
    assert [_milliseconds(datetime.fromisoformat(lot["expires_at"])) for lot in hotel["lots"]] == [
        lot[3] for lot in scene.lots(HOTEL)
    ]
    assert [lot["exchange"] for lot in hotel["lots"]] == [None]  # of the program's own making
    assert {move["exchange"] for move in hotel["history"]} == {done["exchange"]}
    assert [move["operation"] for move in hotel["history"]] == (["capture", "hold"] if taken == "held" else ["debit"])
    assert [part["amount"] for part in hotel["history"][-1]["lots"]] == [1_200, 8_800, 10_000]
    with scene.on.client("lotus") as lotus:
        airline = lotus.lots(scene.target)
        (made,) = [lot for lot in airline["lots"] if lot["exchange"] is not None]
        assert (made["exchange"], made["amount"]) == (done["exchange"], 10_000)
        (credit,) = airline["history"]
        assert (credit["operation"], credit["lots"]) == ("credit", [{"lot": made["lot"], "amount": 10_000}])
        with pytest.raises(Problem, match="not_found"):  # another program's member
            lotus.lots(scene.source)
    scene.palm.reverse(done["exchange"], 5_000, "too many", wait=WAIT)
    back = scene.palm.lots(scene.source)["history"][0]
    assert (back["operation"], sum(part["amount"] for part in back["lots"])) == ("reverse", 5_000)
    whole = scene.palm.lots(scene.source)
    assert whole["next"] is None
    for told in asyncio.run(_told(scene)):
        micros = (told.answered_at - EPOCH) // timedelta(microseconds=1)
        page = scene.palm.lots(scene.source, f"{micros}.{told.exchange_id}.{told.leg}")
        whole["history"] = whole["history"][1:]
        assert page["history"] == whole["history"]
    for junk in ("1.x.1", "1.00000000-0000-0000-0000-000000000000.9", "1.00000000-0000-0000-0000-000000000000"):
        with pytest.raises(Problem, match="validation_failed"):
            scene.palm.lots(scene.source, junk)
    _forget(scene, credit["evidence"])
    with scene.on.client("lotus") as lotus:
        assert [one["lots"] for one in lotus.lots(scene.target)["history"] if one["operation"] == "credit"] == [None]


async def _told(scene: Scene) -> list[Told]:
    """The history of the hotel's member, asked for one by one."""
    found: list[Told] = []
    async with await database.connect(scene.on.database) as connection:
        place = None
        while page := await partners.told_of(connection, 0, UUID(scene.source), place, 1):
            found += page
            place = (page[0].answered_at, page[0].exchange_id, page[0].leg)
    assert len(found) > 1
    return found


def _forget(scene: Scene, evidence: str) -> None:
    """Drop the key of a kept body, as an erasure does."""
    with psycopg.connect(scene.on.database) as connection:
        connection.execute("UPDATE evidence SET wrapped = '' WHERE evidence_id = %s", [evidence])

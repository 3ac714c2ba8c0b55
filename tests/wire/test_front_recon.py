"""Books and breaks at the door: a partner sends its book, sees its own breaks alone, disputes; an operator decides."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from clearing.front import paging
from clearing.front.reading import BODY_BYTES_MAX
from settlement.rules.matching import Head, Line, written
from tests.command_line import clearing
from tests.wire.front_room import Answer, Front, walks_to_the_end

CSV = {"content-type": "text/csv"}


def book(window: int, sequence: int, *lines: Line, partner: str = "kiosk") -> bytes:
    return b"".join(written(Head(partner, window, sequence), lines))


def asked(url: str, query: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def sent(front: Front, body: bytes, key: str = "kiosk") -> Answer:
    return front.ask("POST", "/v1/books", body, key=key, headers=CSV)


def test_a_book_is_taken_matched_handed_back_and_its_break_disputed_and_decided(front: Front) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    year, week, _ = now.isocalendar()
    window = year * 100 + week
    many = [
        Line(n, str(uuid4()), None, now - timedelta(days=3), -5_000_000 - n, None, "final") for n in range(1, 1_001)
    ]
    body = book(window, 1, *many)
    assert len(body) > BODY_BYTES_MAX
    evidence = "SELECT count(*), coalesce(sum(length(box)), 0) FROM evidence"
    before = asked(front.url, evidence)
    gap = sent(front, book(window, 2, *many))
    assert asked(front.url, evidence) == before  # what is not taken is not kept
    assert (gap.status, gap.json["taken"], gap.json["reason"], gap.json["expected"]) == (200, False, "sequence_gap", 1)
    assert sent(front, body, key="palm").json["reason"] == "wrong_partner"
    assert asked(front.url, evidence) == before
    taken = sent(front, body)
    assert asked(front.url, evidence) != before
    assert (taken.status, taken.json["book"], taken.json["lines"]) == (201, "kiosk.1", 1_000)
    again = sent(front, body)
    assert (again.status, again.json["taken"]) == (200, True)
    assert sent(front, book(window, 1, many[0])).json["reason"] == "sequence_used"
    looked = front.ask("GET", "/v1/books/kiosk.1", key="kiosk").json
    assert [one["line"] for one in looked["handback"]] == list(range(1, 1_001))
    assert {one["code"] for one in looked["handback"]} == {"MISSING_OURS"}
    assert {one["reason"] for one in looked["handback"]} == {"not in our book"}
    assert front.ask("GET", "/v1/books/kiosk.1", key="palm").status == 404
    others = front.ask("GET", "/v1/breaks", key="palm").json["breaks"]
    assert [one for one in others if one["partner"] != "palm"] == []
    at = f"/v1/breaks/{looked['handback'][0]['breaks']}"
    assert front.ask("GET", at, key="palm").status == 404
    wish = {"decision": "dispute", "note": "we did issue it"}
    filed = front.ask("POST", f"{at}/resolve", wish, key="kiosk")
    assert (filed.status, filed.json["state"], filed.json["provisional"]) == (
        200,
        "filed",
        "0",
    )  # names nothing we know
    upheld = {"decision": "drop", "note": "found it"}
    done = front.ask("POST", f"{at}/resolve", upheld, key="operator")
    assert (done.status, done.json["state"], done.json["resolution"]) == (200, "resolved", "drop")
    assert front.ask("POST", f"{at}/resolve", upheld, key="operator").code == "case_closed"
    told = front.ask("GET", at, key="operator").json
    assert [step["decision"] for step in told["steps"]] == ["dispute", "drop"]
    assert sorted(one["kind"] for one in told["evidence"]) == ["book", "step", "step"]
    run = front.ask("POST", "/v1/matches", {"partner": "kiosk", "window": window}, key="operator").json
    assert (run["their_lines"], run["totals_agree"]) == (1_000, False)
    assert run["breaks"] == {"MISSING_OURS": 1_000}  # nothing was credited, so nothing is there to be taken back


def test_the_commands_send_a_book_and_list_look_at_and_decide_a_break(front: Front, tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    year, week, _ = now.isocalendar()
    file = tmp_path / "book.csv"
    line = Line(1, str(uuid4()), None, now - timedelta(days=3), -7_000_000, None, "final")
    said = ("--key", front.folder / "palm.jwk", "--url", f"http://{front.host}")

    file.write_bytes(book(year * 100 + week, 2, line, partner="palm"))
    gap = clearing("book", "upload", file, *said)
    assert (gap.returncode, json.loads(gap.stdout)["reason"]) == (1, "sequence_gap")
    file.write_bytes(book(year * 100 + week, 1, line, partner="palm"))
    taken = clearing("book", "upload", file, *said)
    assert (taken.returncode, json.loads(taken.stdout)["book"]) == (0, "palm.1"), taken.stderr
    (handed,) = front.ask("GET", "/v1/books/palm.1", key="palm").json["handback"]
    found = handed["breaks"]
    shown = clearing("book", "show", "palm.1", *said)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert all(word in shown.stdout for word in ("break", "MISSING_OURS", "not in our book", found))
    assert clearing("book", "show", "palm.9", *said).returncode == 4
    piped = [sys.executable, "-m", "clearing.front", "breaks", *map(str, said)]
    listed = subprocess.run(piped, capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]})
    assert found in listed.stdout  # whole, though nobody said how wide a pipe is
    assert json.loads(clearing("breaks", "look", found, *said).stdout)["difference"] == "-7"
    filed = clearing("breaks", "resolve", found, "dispute", "it is ours", *said)
    assert json.loads(filed.stdout)["state"] == "filed"
    own = ("--key", front.folder / "operator.jwk", "--url", f"http://{front.host}")
    done = clearing("breaks", "resolve", found, "drop", "it is not", *own)
    assert json.loads(done.stdout)["state"] == "resolved"
    late = clearing("breaks", "resolve", found, "drop", "it is not", *own)
    assert (late.returncode, "case_closed" in late.stderr) == (4, True)
    again = clearing("breaks", "match", "palm", str(year * 100 + week), *own)
    assert (again.returncode, json.loads(again.stdout)["their_lines"]) == (0, 1)


def test_a_handback_of_more_than_a_page_goes_on_after_its_last_line(front: Front, tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    year, week, _ = now.isocalendar()
    many = [Line(n, str(uuid4()), None, now - timedelta(days=3), -n, None, "final") for n in range(1, 1_002)]
    name = sent(front, book(year * 100 + week, 1, *many, partner="stand"), key="stand").json["book"]
    first = front.ask("GET", f"/v1/books/{name}", key="stand").json
    assert ([one["line"] for one in first["handback"]], first["next"]) == (list(range(1, 1_001)), "1000")
    second = front.ask("GET", f"/v1/books/{name}?after=1000", key="stand").json
    assert ([one["line"] for one in second["handback"]], second["next"]) == ([1_001], None)
    for wrong in ("-1", "x", "1.5", "1000000000", ""):
        assert front.ask("GET", f"/v1/books/{name}?after={wrong}", key="stand").code == "validation_failed"
    said = ("--key", front.folder / "stand.jwk", "--url", f"http://{front.host}")
    begun = clearing("book", "show", name, *said)
    assert "go on with --after 1000" in begun.stderr
    ended = clearing("book", "show", name, "--after", "1000", *said)
    assert (ended.stderr, second["handback"][0]["breaks"] in ended.stdout) == ("", True)


def test_a_book_that_nests_without_end_is_told_and_not_a_fault_of_the_house(front: Front) -> None:
    body = b"[" * 100_000 + b"\n"
    told = front.ask("POST", "/v1/books", body, key="kiosk", headers={"content-type": "application/x-ndjson"})
    assert (told.status, told.json["taken"], told.json["reason"]) == (200, False, "faulty")


def test_a_book_of_another_medium_is_refused(front: Front) -> None:
    assert front.ask("POST", "/v1/books", b"{}", key="kiosk").code == "body_malformed"


def test_breaks_are_told_in_pages_each_once(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    year, week, _ = now.isocalendar()
    lines = [Line(n, str(uuid4()), None, now - timedelta(days=3), -n, None, "final") for n in range(1, 5)]
    assert sent(front, book(year * 100 + week, 1, *lines, partner="booth"), key="booth").status == 201
    told = walks_to_the_end(front, "/v1/breaks", "breaks", "booth", monkeypatch)
    assert len(told) == 4
    assert walks_to_the_end(front, "/v1/breaks?partner=booth", "breaks", "operator", monkeypatch) == told
    assert front.ask("GET", "/v1/breaks?after=1.no-id", key="booth").code == "validation_failed"
    monkeypatch.setattr(paging, "PAGE", 1)
    listed = clearing("breaks", "--key", front.folder / "booth.jwk", "--url", f"http://{front.host}").stdout
    assert all(one["break_id"] in listed for one in told)


def test_a_book_with_more_faults_than_are_told_says_how_many_there_are(front: Front) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    year, week, _ = now.isocalendar()
    lines = [Line(n, str(uuid4()), None, now - timedelta(days=3), -n, None, "final") for n in range(1, 1_003)]
    wrong = book(year * 100 + week, 9, *lines, partner="stand").replace(b",final", b",finished")
    said = sent(front, wrong, key="stand").json
    assert (said["taken"], said["reason"], len(said["faults"])) == (False, "faulty", 1_000)
    assert said["faulty"] >= 1_002

"""`clearing price`: one JSON object on stdout, an exit code that tells, and one sentence for what is no card."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clearing.front import cli

ROOT = Path(__file__).parents[2]
CARDS = ROOT / "tests" / "rules" / "cards"
KEYS = ["sent", "received", "base", "bonus", "fee", "remainder", "refusal"]
FLYING = CARDS / "f01-hotel-to-airline.json"
NOW = ("--at", "2026-06-01T00:00:00Z")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process: exit code, stdout, stderr."""

    def ran(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["clearing", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out, told.err

    return ran


def said(run: Run, *words: object, code: int = 0) -> dict[str, Any]:
    left, out, err = run("price", *words)
    assert left == code, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_the_price_of_119_999_points_is_told_with_its_remainder(run: Run) -> None:
    found = said(run, FLYING, "--points", 119_999)
    assert list(found) == KEYS
    assert found == {
        "sent": 119_997,
        "received": 44_999,
        "base": 39_999,
        "bonus": [{"funder": "palm-hotels", "units": 5_000, "value": None}],
        "fee": {"points": 0, "value": 0, "parts": []},
        "remainder": 2,
        "refusal": None,
    }


def test_asked_by_units_the_same_price_is_told(run: Run) -> None:
    assert said(run, FLYING, "--receive", 44_999) == said(run, FLYING, "--points", 119_999) | {"remainder": 0}


def test_a_refusal_tells_rule_and_next_amounts_and_has_an_exit_code_of_its_own(run: Run) -> None:
    found = said(run, CARDS / "own-block.json", "--points", 24_500, *NOW, code=6)
    assert list(found) == KEYS
    assert found == {
        "sent": None,
        "received": None,
        "base": None,
        "bonus": [],
        "fee": None,
        "remainder": None,
        "refusal": {
            "code": "amount_off_step",
            "rule": "base",
            "detail": "from 1,000 on the step is 1,000; next valid amounts: 24,000 or 25,000",
            "next_valid": [24_000, 25_000],
        },
    }


WHO = ("--channel", "manual", "--card", "metal", "--tier", "gold", "--link-age-days", 30, *NOW)


def test_every_word_about_the_member_counts(run: Run) -> None:
    card = CARDS / "own-complex.json"
    found = said(run, card, "--points", 99_999, *WHO)
    assert (found["sent"], found["received"], found["remainder"]) == (99_950, 58_123, 49)
    late = [part for part in found["bonus"] if "late_days" in part]
    assert late == [{"funder": "lotus-air", "units": 2_298, "value": 22_980_000, "late_days": 1}]
    assert found["fee"]["value"] == 2_500_000 + 59_970_000
    assert said(run, card, "--points", 99_999, *WHO, "--first")["received"] == 58_623
    for words, rule in (
        (("--used-day", 250_000), "day"),
        (("--used-month", 950_000), "month"),
        (("--used-year", 4_950_000), "year"),
        (("--used-program-day", 350_000), "day-all"),
        (("--used-program-year", 5_950_000), "year-all"),
        (("--linked-elsewhere",), "link"),
        (("--link-age-days", 29), "link"),
        (("--channel", "mail"), "channels"),
        (("--at", "2030-01-01T00:00:00Z"), "validity"),
    ):
        assert said(run, card, "--points", 99_999, *WHO, *words, code=6)["refusal"]["rule"] == rule


def test_the_way_back_shows_what_a_round_trip_loses(run: Run) -> None:
    there, back = CARDS / "f06-there.json", CARDS / "f06-back-3.json"
    found = said(run, there, "--points", 3_200, "--back", back, *NOW)
    assert list(found) == [*KEYS, "round_trip"]
    assert found["round_trip"] == {
        "sent": 3_200,
        "received": 2_000,
        "sent_back": 2_000,
        "left": 0,
        "returned": 2_000,
        "lost": {"num": 3, "den": 8},
        "lost_points": 1_200,
        "refusal": None,
    }
    small = said(run, there, "--points", 400, "--back", back, *NOW)["round_trip"]
    assert (small["lost"], small["left"], small["refusal"]["next_valid"]) == ({"num": 3, "den": 8}, 250, [400])
    assert said(run, there, "--points", 1, "--back", back, *NOW, code=6)["round_trip"] is None
    code, out, err = run("price", there, "--points", 400, "--back", there, *NOW)
    assert (code, out) == (4, "")
    assert "way back" in err


def test_without_a_date_the_card_is_priced_now(run: Run) -> None:
    assert said(run, CARDS / "own-equal.json", "--points", 700)["received"] == 700
    assert said(run, CARDS / "f08-closing.json", "--points", 250, code=6)["refusal"]["code"] == "corridor_closed"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"format": 1, "format": 1}', "twice"),
        (b'{"version": 1.5}', "$.version: type: must be a whole number"),
        (b'{"version": 1e400}', "$.version: type: must be a whole number"),
        (b'{"version": NaN}', "NaN is not JSON"),
        (b'{"version": 9007199254740992}', "$.version: range: "),
        (b'{"version": ' + b"9" * 5_000 + b"}", "not JSON"),
        (b'{"note": "a\\u0000b"}', "NUL"),
        (b'{"note": "\\ud800"}', "surrogate"),
        (b'{"note": "\xff"}', "not UTF-8"),
        (b'"card"', "$: type: must be an object"),
        (b'{"surprise": 1}', "$: unknown_field: 'surprise' is not known here"),
        (b"[" * 100_000, "at most 65,536 bytes"),
        (b"[" * 60_000 + b"]" * 5, "not JSON"),
        (b"[" * 30 + b"]" * 30, "nested deeper"),
    ],
)
def test_what_is_no_card_gets_one_clear_sentence(run: Run, tmp_path: Path, body: bytes, told: str) -> None:
    card = tmp_path / "card.json"
    card.write_bytes(body)
    code, out, err = run("price", card, "--points", 1)
    assert (code, out) == (4, "")
    assert told in err
    assert str(card) in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--points", 1, "--receive", 1),
        ("--points", "many"),
        ("--points", 1.5),
        ("--points", -1),
        ("--points", 2**53),
        ("--points", 1, "--at", "2026-01-01T00:00:00"),
        ("--points", 1, "--at", "yesterday"),
        ("--points", 1, "--at", "0001-01-01T00:00:00+14:00"),
    ],
)
def test_wrong_use_is_told_as_such(run: Run, words: tuple[object, ...]) -> None:
    code, out, err = run("price", FLYING, *words)
    assert (code, out) == (2, "")
    assert "Traceback" not in err


def test_a_file_that_is_not_there_is_wrong_use(run: Run, tmp_path: Path) -> None:
    assert run("price", tmp_path / "none.json", "--points", 1)[0] == 2
    assert run("price", tmp_path, "--points", 1)[0] == 2


def test_it_needs_no_setting_and_no_server() -> None:
    command = [sys.executable, "-m", "clearing.front", "price", str(FLYING), "--points", "60000"]
    told = subprocess.run(command, capture_output=True, text=True, check=False, env={"HOME": "/nonexistent"}, cwd=ROOT)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["received"] == 25_000


POOLED = CARDS / "f24-pooled.json"


def test_a_pool_is_drawn_pro_rata_or_holds_too_little(run: Run) -> None:
    plain = said(run, POOLED, "--points", 1_000, *NOW)
    drawn = said(
        run, POOLED, "--points", 1_000, *NOW, *("--pool", 3_000, "--pool", 2_000, "--pool", 1_000, "--pool", 1)
    )
    assert drawn == plain | {"draw": [500, 333, 167, 0]}
    short = said(run, POOLED, "--points", 1_000, *NOW, "--pool", 999, code=6)
    assert (short["refusal"]["code"], short["refusal"]["rule"], short["draw"]) == ("limit_exceeded", "pool", None)


@pytest.mark.parametrize(("card", "members"), [(POOLED, 8), (FLYING, 1)])
def test_a_pool_is_only_for_cards_that_know_it_and_never_larger(run: Run, card: Path, members: int) -> None:
    code, out, err = run("price", card, "--points", 60_000, *NOW, *(["--pool", 10_000] * members))
    assert (code, out) == (2, "")
    assert "pool" in err

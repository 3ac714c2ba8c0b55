"""`clearing bank`: a message for the bank, what the bank says of it, and a rate set, without a server."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lxml import etree

from clearing.front import cli, cli_bank
from tests.files.bank import answer, entry, payment, statement, status, table

ROOT = Path(__file__).parents[2]
HOUSE = ("--debtor", "Points House", "--iban", "NL91ABNA0417164300", "--date", "2026-11-20")
SPACE = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process: exit code, stdout, stderr. Today is the day after the bank's."""
    today = SimpleNamespace(clock=lambda: datetime(2026, 11, 21, 9, tzinfo=UTC))
    monkeypatch.setattr(cli_bank, "sources", today)  # of this command alone: houses of other tests run in this process

    def ran(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["clearing", "bank", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out, told.err

    return ran


@pytest.fixture
def due(tmp_path: Path) -> Path:
    """What is to be paid: two instructions."""
    lines = ("W47-PALM,Palm Hotels,1234.00,EUR,DE89370400440532013000", "W47-FIG,Fig Café,5,EUR,GB82WEST12345698765432")
    path = tmp_path / "due.csv"
    path.write_bytes(table("id,payee,amount,currency,iban", *lines))
    return path


def kept(tmp_path: Path, *bodies: bytes) -> list[Path]:
    paths = [tmp_path / f"{place}.xml" for place in range(len(bodies))]
    for path, body in zip(paths, bodies, strict=True):
        path.write_bytes(body)
    return paths


PAID = (entry("1234.00", payment("W47-PALM")), entry("5.00", payment("W47-FIG")))


def test_instructions_become_a_message_for_the_bank_and_the_same_words_the_same_bytes(run: Run, due: Path) -> None:
    code, out, err = run("pay", due, *HOUSE)
    assert (code, err) == (0, "")
    root = etree.fromstring(out.encode())
    assert [each.text for each in root.iter(SPACE + "EndToEndId")] == ["W47-FIG", "W47-PALM"]
    assert [each.text for each in root.iter(SPACE + "CtrlSum")] == ["1239.00", "1239.00"]
    assert root.findtext(f"*/*/{SPACE}CreDtTm") == "2026-11-20T00:00:00+00:00"
    assert run("pay", due, *HOUSE)[1] == out


def test_every_word_about_the_message_is_in_it(run: Run, due: Path) -> None:
    words = (
        "--bic",
        "ABNANL2A",
        "--town",
        "Utrecht",
        "--country",
        "NL",
        "--initiator",
        "Points Agent",
        "--message-id",
        "P-7",
    )
    code, out, _ = run("pay", due, *HOUSE, *words, "--created", "2026-11-19T12:00:00+01:00", "--service-level", "SEPA")
    assert code == 0
    for told in (
        "ABNANL2A",
        "Utrecht",
        "<Ctry>NL",
        "Points Agent",
        "<MsgId>P-7<",
        "<PmtInfId>P-7-1<",
        "<Cd>SEPA<",
        "11:00:00+00:00",
    ):
        assert told in out


def test_a_bank_that_books_what_was_instructed_confirms_it(run: Run, due: Path, tmp_path: Path) -> None:
    (file,) = kept(tmp_path, statement(*PAID, closing="8761.00"))
    code, out, _ = run("check", file, "--instructions", due)
    said: dict[str, Any] = json.loads(out)
    assert code == 0
    assert (said["holds"], said["findings"], said["match"]["blocked"]) == (True, [], False)
    assert [(each["id"], each["state"]) for each in said["match"]["outcomes"]] == [
        ("W47-PALM", "confirmed"),
        ("W47-FIG", "confirmed"),
    ]
    (told,) = said["files"][0]["statements"]
    assert told["balance"] == {"opening": "10000.00", "closing": "8761.00", "currency": "EUR", "difference": "0.00"}
    assert told["entries"][0] == {
        "reference": "B-1",
        "status": "BOOK",
        "booking_date": "2026-11-20",
        "value_date": "2026-11-20",
        "amount": "1234.00",
        "currency": "EUR",
        "direction": "DBIT",
        "reversal": False,
        "payments": [
            {
                "end_to_end_id": "W47-PALM",
                "amount": "1234.00",
                "currency": "EUR",
                "direction": "DBIT",
                "returned": False,
                "reason": "",
            }
        ],
    }


def test_the_same_file_twice_has_one_effect_and_is_told(run: Run, due: Path, tmp_path: Path) -> None:
    file, again = kept(tmp_path, *[statement(*PAID, closing="8761.00")] * 2)
    once, twice = (json.loads(run("check", *files, "--instructions", due)[1]) for files in ([file], [file, again]))
    assert twice["match"] == once["match"]
    assert twice["repeated"] == [once["files"][0]["fingerprint"]]


def test_a_difference_blocks_with_an_exit_code_and_says_what_differs(run: Run, due: Path, tmp_path: Path) -> None:
    wrong = entry("1233.99", payment("W47-PALM"))
    (file,) = kept(tmp_path, statement(wrong, entry("2.00"), closing="8764.01"))
    code, out, _ = run("check", file, "--instructions", due)
    said = json.loads(out)["match"]
    assert (code, said["blocked"]) == (1, True)
    assert said["outcomes"][0]["state"] == "differs"
    assert said["outcomes"][0]["differences"] == [{"what": "amount", "ours": "1234.00", "theirs": "1233.99"}]
    assert (said["outcomes"][1]["state"], said["unknown"][0]["amount"]) == ("silent", "2.00")


def test_the_account_that_was_to_pay_is_compared_when_it_is_said(run: Run, due: Path, tmp_path: Path) -> None:
    (file,) = kept(tmp_path, statement(*PAID, closing="8761.00"))
    assert run("check", file, "--instructions", due, "--iban", "NL91ABNA0417164300")[0] == 0
    code, out, _ = run("check", file, "--instructions", due, "--iban", "NO9386011117947")
    assert code == 1
    assert json.loads(out)["match"]["outcomes"][0]["differences"][0]["what"] == "account"


def test_no_bank_has_booked_what_is_to_come(run: Run, due: Path, tmp_path: Path) -> None:
    for day, code in (("2026-11-21", 0), ("2026-11-22", 1), ("9999-12-31", 1)):
        booked = (entry("1234.00", payment("W47-PALM"), day=day), entry("5.00", payment("W47-FIG"), day=day))
        (file,) = kept(tmp_path, statement(*booked, closing="8761.00"))
        found, out, _ = run("check", file, "--instructions", due)
        told = [f"statement S-1: entry {place} is booked on {day}, which is to come" for place in (1, 2)]
        assert (found, json.loads(out)["findings"]) == (code, told if code else [])
        assert json.loads(out)["match"]["blocked"] is bool(code)
    expected = entry("1234.00", payment("W47-PALM"), day="2026-11-22", status="PDNG")
    (file,) = kept(tmp_path, statement(expected, closing="10000.00"))
    assert run("check", file, "--instructions", due)[0] == 0  # what a bank expects may well be to come


def test_what_was_booked_before_it_was_instructed_differs(run: Run, due: Path, tmp_path: Path) -> None:
    (file,) = kept(tmp_path, statement(*PAID, closing="8761.00"))
    assert run("check", file, "--instructions", due, "--since", "2026-11-20")[0] == 0
    code, out, _ = run("check", file, "--instructions", due, "--since", "2026-11-21")
    assert (code, json.loads(out)["match"]["outcomes"][0]["differences"]) == (
        1, [{"what": "booked_on", "ours": "2026-11-21 or later", "theirs": "2026-11-20"}],
    )  # fmt: skip
    assert run("check", file, "--since", "soon")[0] == 2


def test_balances_that_do_not_hold_exit_with_the_difference_also_without_instructions(run: Run, tmp_path: Path) -> None:
    (file,) = kept(tmp_path, statement(*PAID, closing="8761.01"))
    code, out, _ = run("check", file)
    said = json.loads(out)
    assert code == 1
    assert said["files"][0]["statements"][0]["balance"]["difference"] == "0.01"
    assert said["findings"] == ["statement S-1: opening + entries and closing are 0.01 EUR apart"]
    assert "match" not in said


def test_a_message_that_the_bank_rejects_whole_is_known_by_its_derived_id(run: Run, due: Path, tmp_path: Path) -> None:
    message = etree.fromstring(run("pay", due, *HOUSE)[1].encode()).findtext(f"*/*/{SPACE}MsgId")
    assert message
    (file,) = kept(tmp_path, answer(group="RJCT", reason="DUPL", to=message))
    code, out, _ = run("check", file, "--instructions", due)
    assert code == 0
    assert [(each["state"], each["reason"]) for each in json.loads(out)["match"]["outcomes"]] == [
        ("rejected", "DUPL")
    ] * 2
    (named,) = kept(tmp_path, answer(status("W47-FIG", "RJCT", "AC04"), group="PART", to="P-7"))
    outcomes = json.loads(run("check", named, "--instructions", due, "--message-id", "P-7")[1])["match"]["outcomes"]
    assert [each["state"] for each in outcomes] == ["pending", "rejected"]


def test_a_rate_set_is_told_as_fractions(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_bytes(
        table("source,date,published_at,currency,rate", "ECB,2026-11-20,2026-11-20T16:00:00+01:00,USD,1.0850")
    )
    code, out, _ = run("rates", path)
    assert code == 0
    assert json.loads(out) == {
        "source": "ECB",
        "date": "2026-11-20",
        "published_at": "2026-11-20T15:00:00+00:00",
        "rates": {"USD": {"num": 10_850, "den": 10_000}},
    }


@pytest.mark.parametrize(
    ("verb", "body", "told"),
    [
        ("check", b"<!DOCTYPE a><a/>", "DOCTYPE"),
        ("check", b"<a>", "not well-formed"),
        ("check", b"x" * (33 * 1024 * 1024), "at most 33,554,432 bytes"),
        ("check", statement(closing="1").replace(b"053.001.08", b"053.001.02"), "camt.053.001.02 is not read here"),
        ("pay", b"id,payee\n", "the table has the columns id, payee, amount, currency"),
        (
            "pay",
            table("id,payee,amount,currency,iban", "a,Palm,1,XYZ,DE89370400440532013000"),
            "no currency has this code",
        ),
        ("rates", b"", "the table has the columns source"),
    ],
)
def test_what_cannot_be_read_gets_one_sentence_that_names_the_file(
    run: Run, tmp_path: Path, verb: str, body: bytes, told: str
) -> None:
    (file,) = kept(tmp_path, body)
    code, out, err = run(verb, file, *(HOUSE if verb == "pay" else ()))
    assert (code, out) == (4, "")
    assert told in err
    assert str(file) in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("check",),
        ("check", "/nonexistent.xml"),
        ("pay", "DUE"),
        ("pay", "DUE", *HOUSE[:4], "--date", "tomorrow"),
        ("pay", "DUE", *HOUSE, "--created", "2026-11-20T00:00:00"),
        ("pay", "DUE", *HOUSE, "--created", "now"),
    ],
)
def test_wrong_use_is_told_as_such(run: Run, due: Path, words: tuple[str, ...]) -> None:
    code, out, err = run(*(due if word == "DUE" else word for word in words))
    assert (code, out) == (2, "")
    assert "Traceback" not in err


def test_it_needs_no_setting_and_no_server(due: Path) -> None:
    command = [sys.executable, "-m", "clearing.front", "bank", "pay", str(due), *HOUSE]
    told = subprocess.run(command, capture_output=True, check=False, env={"HOME": "/nonexistent"}, cwd=ROOT)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(b"<?xml version='1.0' encoding='UTF-8'?>\n<Document")

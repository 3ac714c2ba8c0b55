"""`clearing net`: what finance teams give and get, and the line of what is wrong."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clearing.front import cli, settled

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "netting.md").read_text(encoding="utf-8")
HEADER = "debtor,creditor,amount,currency\n"
RATES = "currency,rate\nEUR,1\nUSD,0.9216\n"

Net = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Net:
    """The command on lists given as text or bytes: exit code, what it says, and the sentence of a refusal."""

    def ran(owed: str | bytes, *words: str, rates: str | bytes | None = None) -> tuple[int, dict[str, Any], str]:
        given = [("owed.csv", owed), *([("rates.csv", rates)] if rates is not None else [])]
        for name, text in given:
            (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        words += ("--rates", str(tmp_path / "rates.csv")) if rates is not None else ()
        monkeypatch.setattr(sys, "argv", ["clearing", "net", str(tmp_path / "owed.csv"), *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        told = capsys.readouterr()
        return int(left.value.code or 0), json.loads(told.out) if told.out else {}, told.err

    return ran


def test_the_worked_example_of_the_page_is_what_the_command_says(net: Net) -> None:
    owed, rates = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
    expected = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])
    code, found, _ = net(owed, rates=rates)
    assert code == 0
    assert {name: found[name] for name in expected} == expected
    assert found["by_currency"] == {
        "EUR": {"lotus": "-479.9942", "palm": "600.00", "shop": "-120.0058"},
        "USD": {"palm": "-250.00", "shop": "250.00"},
    }
    assert found["matrix"] == [
        {"from": "lotus", "to": "palm", "currency": "EUR", "amount": "600.00"},
        {"from": "palm", "to": "shop", "currency": "USD", "amount": "250.00"},
        {"from": "shop", "to": "lotus", "currency": "EUR", "amount": "120.0058"},
    ]
    assert found["rates"]["values"] == {"EUR": {"num": 1, "den": 1}, "USD": {"num": 576, "den": 625}}


@pytest.mark.parametrize(
    ("model", "payments"),
    [
        ("multilateral", [("B", "house", "45000.00"), ("house", "A", "45000.00")]),
        ("bilateral", [("B", "A", "45000.00")]),
        ("fewest", [("B", "A", "45000.00")]),
        ("gross", [("B", "A", "75000.00"), ("A", "B", "30000.00")]),
    ],
)
def test_two_debts_of_a_pair_under_each_model(net: Net, model: str, payments: list[tuple[str, str, str]]) -> None:
    """G11."""
    code, found, _ = net(HEADER + "B,A,75000,EUR\nA,B,30000,EUR\n", "--model", model)
    assert code == 0
    assert [tuple(payment.values()) for payment in found["payments"]] == payments
    assert found["nets"] == {"A": "45000.00", "B": "-45000.00"}
    assert (found["gross"], found["bilateral"], found["multilateral"]) == ("105000.00", "45000.00", "45000.00")
    assert found["ratio"] == {"num": 7, "den": 3}
    assert found["rates"] is None


def test_a_thousand_points_are_billed_once(net: Net) -> None:
    """G17."""
    assert net(HEADER + "A,B,0.0058,EUR\n" * 1_000)[1]["nets"] == {"A": "-5.80", "B": "5.80"}


def test_empty_and_zero_net_lists_settle(net: Net) -> None:
    """G14."""
    code, found, _ = net(HEADER)
    assert (code, found["currency"], found["nets"], found["payments"]) == (0, None, {}, [])
    code, found, _ = net(HEADER + "A,B,5,JPY\nB,A,5,JPY\n")
    assert (code, found["nets"], found["payments"], found["ratio"]) == (0, {"A": "0", "B": "0"}, [], None)


@pytest.mark.parametrize("model", ["multilateral", "bilateral", "fewest", "gross"])
@pytest.mark.parametrize(("amount", "gross", "num"), [("0.004", "0.00", 0), ("0.005", "0.03", 3)])
def test_obligations_below_a_cent_are_told_with_their_ratio(
    net: Net, model: str, amount: str, gross: str, num: int
) -> None:
    code, found, _ = net(HEADER + "".join(f"a,{one},{amount},EUR\n" for one in "bcd"), "--model", model)
    assert code == 0
    assert (found["gross"], found["ratio"]["num"]) == (gross, num)
    assert found["multilateral"] == ("0.01" if num == 0 else "0.02")
    assert found["ratio"]["den"] == (1 if num == 0 else 2)


def test_a_spreadsheets_file_is_read(net: Net) -> None:
    text = "\ufeff" + HEADER + '"Café, Ltd",A,1.5,KWD\n'
    code, found, _ = net(text.replace("\n", "\r\n"))
    assert (code, found["nets"]) == (0, {"A": "1.500", "Café, Ltd": "-1.500"})


def test_a_payout_currency_is_crossed_from_the_exact_net(net: Net) -> None:
    owed = HEADER + "A,B,250.004,USD\n"
    said = (
        "--payout",
        "B=USD",
        "--rates-source",
        "ECB",
        "--rates-on",
        "2026-03-31",
        "--rates-published",
        "2026-03-31T14:15:00Z",
    )
    code, found, _ = net(owed, *said, rates=RATES)
    assert (code, found["nets"]["B"], found["payouts"]) == (0, "230.40", {"B": {"currency": "USD", "amount": "250.00"}})
    assert {name: found["rates"][name] for name in ("source", "on", "published_at")} == {
        "source": "ECB",
        "on": "2026-03-31",
        "published_at": "2026-03-31T14:15:00+00:00",
    }
    assert net(owed, "--payout", "B=CHF", rates=RATES)[1]["refusal"]["code"] == "rate_missing"
    for wrong in (("--payout", "C=USD"), ("--payout", "B"), ("--payout", "B=USD", "--model", "fewest")):
        assert net(owed, *wrong, rates=RATES)[0] == 2


GOOD = "A,B,1.00,EUR\n"
BAD: list[tuple[str | bytes, str, int | None]] = [
    ("", "header", 1),
    ("\n", "header", 1),
    ("debtor,creditor,amount\n", "header", 1),
    ("creditor,debtor,amount,currency\n", "header", 1),
    ("Debtor,Creditor,Amount,Currency\n", "header", 1),
    ("debtor;creditor;amount;currency\n", "header", 1),
    (HEADER + GOOD + "A,B,1.00\n", "columns", 3),
    (HEADER + GOOD + "A,B,1,000.00,EUR\n", "columns", 3),
    (HEADER + GOOD + "\n" + GOOD, "columns", 3),
    (HEADER + GOOD + '"A,B,1.00,EUR\n', "quoting", 3),
    (HEADER + '"A"x,B,1.00,EUR\n', "quoting", 2),
    (HEADER + "A" * 200_000 + ",B,1.00,EUR\n", "quoting", 2),
    (HEADER.encode() + b"A,B,1.00,EUR\nCaf\xe9,B,1.00,EUR\n", "encoding", 3),
    (HEADER.encode("utf-16"), "encoding", 1),
    (HEADER + "A,B,,EUR\n", "empty", 2),
    (HEADER + GOOD * 3 + "A,B,-1.00,EUR\n", "not_decimal", 5),
    (HEADER + "A,B,+1.00,EUR\n", "not_decimal", 2),
    (HEADER + "A,B,NaN,EUR\n", "not_decimal", 2),
    (HEADER + "A,B,Infinity,EUR\n", "not_decimal", 2),
    (HEADER + "A,B,1e3,EUR\n", "not_decimal", 2),
    (HEADER + 'A,B,"1,000.00",EUR\n', "not_decimal", 2),
    (HEADER + "A,B, 1.00,EUR\n", "not_decimal", 2),
    (HEADER + "A,B,0.0000001,EUR\n", "decimals", 2),
    (HEADER + f"A,B,{'9' * 30},EUR\n", "too_large", 2),
    (HEADER + ",B,1.00,EUR\n", "party", 2),
    (HEADER + "A, B,1.00,EUR\n", "party", 2),
    (HEADER + "A,B\0,1.00,EUR\n", "party", 2),
    (HEADER + f"{'A' * 65},B,1.00,EUR\n", "party", 2),
    (HEADER + GOOD + '"A\nC",B,1.00,EUR\n', "party", 3),
    (HEADER + '"A B",B,1.00,EUR\n' + '"A\u2028B",C,1.00,EUR\n', "party", 3),
    (HEADER + "A,A,1.00,EUR\n", "same_party", 2),
    (HEADER + "A,B,1.00,eur\n", "currency", 2),
    (HEADER + "A,B,1.00,\n", "currency", 2),
    (HEADER + "A,B,1.00,ZZZ\n", "currency", 2),
    (HEADER + GOOD + "A,B,1.00,USD\n", "rate_missing", None),
]


@pytest.mark.parametrize(
    ("text", "reason", "line"), BAD, ids=[f"{reason}-{at}" for at, (_, reason, _) in enumerate(BAD)]
)
def test_a_bad_list_is_refused_with_reason_and_line(net: Net, text: str | bytes, reason: str, line: int | None) -> None:
    code, found, sentence = net(text)
    assert code == 6
    assert list(found) == ["refusal"]
    assert (found["refusal"]["code"], found["refusal"]["line"]) == (reason, line)
    assert found["refusal"]["file"].endswith("owed.csv")
    assert found["refusal"]["detail"] in sentence
    assert line is None or f"line {line}: " in sentence


BAD_RATES = [
    ("", "header", 1),
    ("currency,rate,\n", "header", 1),
    ("currency,rate\nEUR,1\nUSD\n", "columns", 3),
    ("currency,rate\nEUR,1\nUSD,0\n", "rate_zero", 3),
    ("currency,rate\nEUR,1\nUSD,-1\n", "not_decimal", 3),
    ("currency,rate\nEUR,1\nUSD,0.1234567890123456\n", "decimals", 3),
    ("currency,rate\nEUR,1\nUSD,0.9\nUSD,0.8\n", "twice", 4),
    ("currency,rate\nEUR,1\nusd,0.9\n", "currency", 3),
    ("currency,rate\nEUR,0.5\nUSD,0.9\n", "settlement_currency", None),
    ("currency,rate\nEUR,1\nUSD,1\n", "settlement_currency", None),
    ("currency,rate\nUSD,1\n", "rate_missing", None),
]


@pytest.mark.parametrize(
    ("text", "reason", "line"), BAD_RATES, ids=[f"{reason}-{line}" for _, reason, line in BAD_RATES]
)
def test_bad_rates_are_refused_with_reason_and_line(net: Net, text: str, reason: str, line: int | None) -> None:
    code, found, _ = net(HEADER + GOOD, rates=text)
    assert (code, found["refusal"]["code"], found["refusal"]["line"]) == (6, reason, line)
    assert found["refusal"]["file"].endswith("rates.csv")


def test_of_two_currencies_at_par_the_settlement_currency_is_named(net: Net) -> None:
    rates = "currency,rate\nPAB,1\nUSD,1.00\n"
    assert net(HEADER + "A,B,1.00,PAB\n", "--currency", "USD", rates=rates)[1]["currency"] == "USD"
    assert (
        net(HEADER + "A,B,1.00,PAB\n", "--currency", "EUR", rates=rates)[1]["refusal"]["code"] == "settlement_currency"
    )
    assert net(HEADER + "A,B,1.00,PAB\n", "--currency", "USD")[1]["refusal"]["code"] == "rate_missing"


def test_a_list_too_large_is_refused_before_it_is_read(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settled, "LIST_BYTES_MAX", 40)
    assert net(HEADER + GOOD)[1]["refusal"]["code"] == "file_size"


@pytest.mark.parametrize(
    "words", [("--model", "all"), ("--rates-on", "yesterday"), ("--rates-published", "2026-03-31T14:15:00")]
)
def test_wrong_use_is_told_from_a_refusal(net: Net, words: tuple[str, str]) -> None:
    assert net(HEADER + GOOD, *words, rates=RATES)[0] == 2


def test_it_runs_as_a_program(tmp_path: Path) -> None:
    (tmp_path / "owed.csv").write_text(HEADER + GOOD)
    words = [sys.executable, "-m", "clearing.front", "net", str(tmp_path / "owed.csv")]
    told = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(told.stdout)["nets"] == {"A": "-1.00", "B": "1.00"}

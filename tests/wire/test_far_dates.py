"""Days, months and instants at the edge of the calendar are wrong use of a command, told in one sentence; the program does not fail."""

import sys
from pathlib import Path

import pytest

from clearing.front import cli

FIRST, LAST = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"
RATES = (
    "rates",
    "publish",
    "FILE",
    "--key",
    "FILE",
    "--source",
    "ECB",
    "--published-at",
    "2026-04-01T14:00:00Z",
    "--date",
)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("books", "accruals", "--month", "9999-12"), "from 2000 to 2099"),
        (("books", "accruals", "--month", "0001-01"), "from 2000 to 2099"),
        (("books", "accruals", "--month", "2026-13"), "a month like"),
        (("books", "ageing", "--as-of", FIRST), "--as-of is RFC 3339"),
        (("books", "ageing", "--as-of", LAST), "--as-of is RFC 3339"),
        (("books", "ageing", "--as-of", "2026-03-31"), "--as-of is RFC 3339"),
        (("balance", "--key", "FILE", "--at", FIRST), "--at is RFC 3339"),
        (("balance", "--key", "FILE", "--at", LAST), "--at is RFC 3339"),
        (
            (
                "bank",
                "pay",
                "FILE",
                "--debtor",
                "A",
                "--iban",
                "NL91ABNA0417164300",
                "--date",
                "2026-11-20",
                "--created",
                FIRST,
            ),
            "",
        ),
        (("accrue", "ACCOUNT", "1", "--key", "FILE", "--occurred-at", FIRST), "--occurred-at"),
        ((*RATES, "9999-12-31"), "from 2000 to 2099"),
        ((*RATES, "0001-01-01"), "from 2000 to 2099"),
    ],
)
def test_a_day_that_no_calendar_reaches_is_wrong_use(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    told: str,
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"id,payee,amount,currency,iban\na,Palm,1,EUR,DE89370400440532013000\n")
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr(sys, "argv", ["clearing", *(str(file) if word == "FILE" else word for word in words)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    said = capsys.readouterr()
    assert (left.value.code, said.out) == (2, "")
    assert told in said.err
    assert "Traceback" not in said.err

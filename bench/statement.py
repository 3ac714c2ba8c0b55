"""What a statement's files cost: one of many lines in every format, each in a process of its own, which makes and seals it first."""

import json
import resource
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta

from bench.report import Options, Report, Row
from clearing.signatures import PrivateKey
from settlement.reports import FORMATS, render, seal, verify
from settlement.reports.pdf import PRINTED_LINES_MAX, TABLED_LINES_MAX
from settlement.rules.statement import Item, Party, Payment, Period, Statement, state
from settlement.rules.statement_lines import Line, LineKind, unit

LINES = 50_000
COUNTERPARTIES = 40
OPENS = datetime(2026, 11, 16, tzinfo=UTC)
CLOSES = OPENS + timedelta(days=7)
UNITS = {
    "lines": "lines of the statement",
    "seconds": "to render the file, once sealed",
    "seal_seconds": "to make and to seal the statement before; the same for every format",
    "verify_seconds": "to check the file as a partner does, in the same process; none where the format is not checked",
    "peak_mb": "most memory of the process when the file was there, Python and the statement in it",
    "bytes": "size of the file",
}


def bench(options: Options) -> Report:
    """Each format in turn."""
    rows = []
    for form in FORMATS:
        options.say(f"statement: {form}")
        command = [sys.executable, "-m", "bench.statement", form, str(options.count or LINES)]
        told = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        row: Row = json.loads(told)
        rows.append(row)
    most = max(row["peak_mb"] for row in rows)
    notes = [
        f"the PDF shows up to {TABLED_LINES_MAX:,} lines as tables, up to {PRINTED_LINES_MAX:,} as text, and none of more",
        f"the largest process took {most} MB; the aim is 500",
    ]
    return Report("statement", rows, UNITS, notes)


def measured(form: str, count: int) -> Row:
    """One format in this process."""
    started = time.perf_counter()
    key = PrivateKey.generate(bytes(32))
    sealed = seal(made(count), key)
    began = time.perf_counter()
    data = render(sealed, form)
    ended = time.perf_counter()
    row = {
        "format": form,
        "lines": count,
        "seconds": round(ended - began, 2),
        "seal_seconds": round(began - started, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (2**20 if sys.platform == "darwin" else 2**10),
        "bytes": len(data),
        "verify_seconds": None,
    }
    if form != "svg":
        if verify(data, {key.public.key_id: key.public}).sealed is None:
            message = f"the {form} does not verify"
            raise AssertionError(message)
        row["verify_seconds"] = round(time.perf_counter() - ended, 2)
    return row


def made(count: int) -> Statement:
    """A statement of so many exchanges, half of them out and half in, with forty counterparties."""
    parties = [Party(f"program-{number:02}", f"Program {number:02}") for number in range(COUNTERPARTIES)]
    lines = [_line(number) for number in range(count)]
    net = sum(line.net for line in lines) // unit(2)
    return state(
        reference="W-2026-47-bench",
        partner=Party("bench", "Bench"),
        counterparties=parties,
        periods=(Period("W-2026-47", OPENS, CLOSES),),
        currency="EUR",
        digits=2,
        made_at=CLOSES,
        opening=0,
        lines=lines,
        net=net,
        payment=Payment("SI-0047", date(2026, 11, 26), net, (Item("W-2026-47", net),)),
    )


def _line(number: int) -> Line:
    points = 1_000 + number * 7919 % 90_000
    amounts = (
        {"debit": points * 5_003, "fee": points * 17}
        if number % 2
        else {"credit": points * 4_871, "funding": points * 90}
    )
    return Line(
        kind=LineKind.EXCHANGE,
        at=OPENS + timedelta(milliseconds=number * 12_000),
        counterparty=f"program-{number * 31 % COUNTERPARTIES:02}",
        sent=points,
        received=points // 2,
        exchange=f"019a9b3c-7c1e-7{number % 4096:03x}-8{number % 991:03x}-{number * 2_654_435_761 % 2**48:012x}",
        reference=f"R-{number:08}",
        **amounts,
    )


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measured(sys.argv[1], int(sys.argv[2]))) + "\n")

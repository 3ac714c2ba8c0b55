"""`python -m bench [NAME] [--json]`: measure one bench or all, as tables, or one as a single JSON object."""

import argparse
import importlib
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.report import Options, Report, machine

BENCHES = ("ledger", "peers", "signing", "price", "exchange", "statement", "settlement", "netting", "matching")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what was asked for."""
    given = _given(arguments)
    err = Console(stderr=True)
    options = Options(
        count=given.count,
        seconds=given.seconds,
        rounds=given.rounds,
        database_url=given.database_url,
        pgledger=given.pgledger,
        profile=given.profile,
        say=lambda line: err.print(f"[dim]{line}[/]", highlight=False),
    )
    about = machine()
    if given.json:
        report = _measured(given.name, options)
        sys.stdout.write(json.dumps(_document(report, about)) + "\n")
        return
    out = Console(width=None if sys.stdout.isatty() else 160, soft_wrap=True)
    out.print("  ".join(f"{name} {value}" for name, value in about.items()), markup=False, highlight=False)
    for name in BENCHES if given.name is None else (given.name,):
        _show(out, _measured(name, options))


def _measured(name: str, options: Options) -> Report:
    report: Report = importlib.import_module(f"bench.{name}").bench(options)
    return report


def _document(report: Report, about: dict[str, object]) -> dict[str, object]:
    return {
        "bench": report.bench,
        "machine": about,
        "rows": report.rows,
        "units": report.units,
        "notes": report.notes,
    }


def _show(out: Console, report: Report) -> None:
    names = list(dict.fromkeys(name for row in report.rows for name in row))
    table = Table(title=report.bench, title_justify="left", title_style="bold")
    for name in names:
        numbers = all(not isinstance(row.get(name), str) for row in report.rows)
        table.add_column(name.replace("_", " "), justify="right" if numbers else "left", overflow="fold")
    for row in report.rows:
        table.add_row(*["" if row.get(name) is None else _text(row[name]) for name in names])
    out.print()
    out.print(table)
    for name in names:
        if name in report.units:
            out.print(f"  [dim]{name}[/] {report.units[name]}", highlight=False)
    for note in report.notes:
        out.print(f"  {note}", markup=False, highlight=False)


def _text(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="What the house does in a second.")
    take = parser.add_argument
    take("name", nargs="?", choices=BENCHES, help="one of them; none: all, one after the other")
    take("--json", action="store_true", help="one JSON object on stdout and nothing else; needs a name")
    take(
        "--count",
        "--exchanges",
        "--lines",
        dest="count",
        type=int,
        help="most exchanges (signing, price: loops; statement: lines) of one measurement",
    )
    take("--seconds", type=float, help="begin no new round after so many seconds")
    take("--rounds", type=int, help="rounds; each row is their median")
    take("--database-url", metavar="URL", help="a PostgreSQL of your own, as superuser; none: a fresh embedded one")
    take(
        "--pgledger",
        type=Path,
        metavar="PATH",
        help="peers: a clone of github.com/pgr0ss/pgledger, or its pgledger.sql",
    )
    take(
        "--profile",
        type=Path,
        metavar="SVG",
        help="exchange: py-spy on the house at 64 in flight, written to this file",
    )
    given = parser.parse_args(arguments)
    if given.json and given.name is None:
        parser.error("--json needs the name of a bench")
    if given.profile is not None and given.name != "exchange":
        parser.error("--profile goes with exchange")
    return given


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the processes that were started end, and their folders go
    main()

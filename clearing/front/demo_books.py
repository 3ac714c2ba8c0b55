"""Scenes of the demo about books: what programs report, roll-forwards, journals, and files that anyone checks without the house."""

import asyncio
import os
import subprocess
import sys

from rich.table import Table

from clearing import database
from clearing.front import settings, sources
from clearing.front.cli_ask import Session
from clearing.front.house import LANE
from clearing.front.shapes import instant
from clearing.front.stage import Stage
from clearing.front.story import Story, common
from settlement import books as finance
from settlement.rules.liability import Mirror, RollForward

OUTSIDE = {
    "palm-hotels": ("palm", {"opening": 1_000_000, "issued": 40_000, "redeemed": 25_000, "expired": 5_000}),
    "lotus-air": ("lotus", {"opening": 1_000_000, "issued": 60_000, "redeemed": 30_000, "expired": 2_000}),
}
"""Each program's partner, and what it says that the program moved without the house: what members had before, and got and spent since."""
JWKS = "house-jwks.json"
CHECKED = (("statement", "run-1-palm-statement.csv"), ("invoice", "palm-invoice.pdf"))
VERIFY_SECONDS_MAX = 60


def booking(story: Story) -> None:
    """Finance: what is outstanding, who owed whom, and the journals of the windows"""
    _reported(story)
    rolled, mirror = asyncio.run(_liability(story.stage))
    story.console.print(_roll_forwards(rolled))
    left = {one.program: one.outstanding for one in rolled}
    story.shows(
        "with what programs report of themselves, no balance is below zero",
        held=all(amount is not None and amount >= 0 for amount in left.values()),
        detail=", ".join(f"{name} {amount:,}" for name, amount in left.items() if amount is not None),
    )
    faults = [fault for one in rolled for fault in one.faults] + list(mirror.faults)
    total = sum(mirror.positions.values()) + mirror.house + mirror.cash + mirror.remainder
    story.shows("every roll-forward closes", held=not faults, detail="; ".join(faults) or f"{len(rolled)} programs")
    story.shows(
        "what all owe one another is zero",
        held=total == 0,
        detail=f"the house gained {common(-mirror.house)}, tax included, and {common(mirror.cash)} of it is paid",
    )
    for shape, ending in (("beancount", "beancount"), ("csv", "csv")):
        story.keep(f"journal.{ending}", asyncio.run(journals(story.stage, shape)))


async def journals(set_up: Stage, shape: str) -> str:
    """All that was booked, as CSV or beancount text."""
    async with (
        await database.connect(set_up.database, name="clearing-demo") as connection,
        finance.snapshot(connection),
    ):
        chart, span = await finance.chart(connection), await finance.span_of(connection, LANE)
        return "".join([piece async for piece in finance.export(connection, chart, span, shape)])


async def _liability(set_up: Stage) -> tuple[list[RollForward], Mirror]:
    async with (
        await database.connect(set_up.database, name="clearing-demo") as connection,
        finance.snapshot(connection),
    ):
        chart, span = await finance.chart(connection), await finance.span_of(connection, LANE)
        return await finance.roll_forwards(connection, chart, span), await finance.mirror(connection, chart, span)


def _reported(story: Story) -> None:
    """Each program's partner signs what it moved by itself."""
    as_of = instant(sources.clock().replace(microsecond=0))
    for program, (partner, moved) in OUTSIDE.items():
        session = Session(
            story.stage.folder / f"{partner}-requests.jwk", story.stage.url, story.stage.folder / "house-jwks.json"
        )
        wish = {"as_of": as_of, "reference": "demo", **moved}
        said = session.ask("POST", f"/v1/programs/{program}/outside", wish)
        told = f"{said['opening']:,} + {said['issued']:,} − {said['redeemed']:,} − {said['expired']:,}"
        story.shows(f"{program} reports what it moved outside of the house", held=said["window"] > 0, detail=told)


def checking(story: Story) -> None:
    """Anyone who has the files checks them with the house's public key, which lies beside them: the house is switched off"""
    story.keep(JWKS, story.stage.jwks)
    if story.out is None:
        return
    bare = {name: value for name, value in os.environ.items() if not name.startswith(settings.PREFIX)}
    for paper, name in CHECKED:
        words = [paper, "verify", str(story.out / name), "--key", str(story.out / JWKS)]
        done = subprocess.run(
            [sys.executable, "-m", "clearing.front", *words],
            env=bare,
            capture_output=True,
            text=True,
            check=False,
            timeout=VERIFY_SECONDS_MAX,
        )
        said = (done.stdout.strip() or done.stderr.strip()).splitlines()
        command = f".venv/bin/clearing {' '.join(words)}"
        story.shows(command, held=done.returncode == 0, detail=said[-1] if said else "it said nothing")
        story.commands.append(command)


def _roll_forwards(rolled: list[RollForward]) -> Table:
    table = Table("", title="Points outstanding", title_justify="left")
    for one in rolled:
        table.add_column(one.program, justify="right")
    lines = [dict(one.lines) for one in rolled]
    for name in lines[0] if lines else ():
        if any(line[name] for line in lines):
            table.add_row(name.replace("_", " "), *(f"{line[name]:,}" for line in lines))
    table.add_row("closing, moved by the house", *(f"{one.closing:,}" for one in rolled), style="bold")
    reports = [one.reported for one in rolled]
    for name, sign in (("opening", 1), ("issued", 1), ("redeemed", -1), ("expired", -1)):
        told = [0 if one is None else sign * getattr(one, name) for one in reports]
        table.add_row(f"{name}, as reported", *(f"{amount:,}" for amount in told))
    table.add_row("outstanding", *(f"{one.outstanding or 0:,}" for one in rolled), style="bold")
    return table

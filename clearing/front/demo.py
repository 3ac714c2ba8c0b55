"""The demo: the whole story on this machine, for real, scene by scene. It ends with 0 only if all of it held."""

import asyncio
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import TimeoutExpired

import httpx
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from clearing import database, partners
from clearing.client import Message, Problem, holds, sign_request, verify_receipt
from clearing.front import audit, demo_books, demo_settlement, demo_terms, vault
from clearing.front.house import LANE
from clearing.front.stage import Stage, stage
from clearing.front.story import WAIT_SECONDS, Story, common
from clearing.ledger import reads
from clearing.ledger.verify import Check
from clearing.rules.postings import Account, account_number

SENT = 20_000
SENT_DECLINED = 21_876  # 10,938 miles: the sandbox airline declines amounts that end in 938
SENT_LOST_ANSWER = 21_802  # 10,901 miles: it credits amounts that end in 901 and says nothing
SENT_KILLED = 24_000
PART = 8_000
AT_THE_HOTEL, AT_THE_AIRLINE = "SBX-OK-20048852", "SBX-OK-71130046"
KILL_AT = "deliver.heard:2"  # the airline has answered the credit, and the house has written nothing of it yet


def linking(story: Story) -> None:
    """Two members are linked: from here on only tokens travel"""
    hotel = story.palm.account("palm-hotels", AT_THE_HOTEL, key="link-hotel")
    airline = story.palm.account("lotus-air", AT_THE_AIRLINE, key="link-airline")
    story.source, story.target = hotel["account"], airline["account"]
    for said in (hotel, airline):
        seen = f"{said['masked']} → {said['account']}"
        story.shows(
            f"{said['program']} knows the member as {said['status']}", held=said["status"] == "active", detail=seen
        )


def completing(story: Story) -> None:
    """A signed quote, and a signed exchange that completes"""
    before = story.balance("palm-hotels"), story.balance("lotus-air")
    quote = story.quote(SENT)
    told = f"debit {common(quote['debit'])}, credit {common(quote['credit'])}, fee {common(quote['fee'])}"
    received = quote["target"]["amount"]
    story.shows(f"{SENT:,} points are worth {received:,} miles", held=received == SENT // 2, detail=told)
    story.first = story.palm.exchange(quote["quote"], "first", wait=WAIT_SECONDS)
    story.shows("the exchange is completed", held=story.first["state"] == "completed", detail=story.first["exchange"])
    moved = story.balance("palm-hotels") - before[0], story.balance("lotus-air") - before[1]
    story.shows(
        "both programs moved exactly that",
        held=moved == (-SENT, received),
        detail=f"{moved[0]:+,} points, {moved[1]:+,} miles",
    )
    again = story.palm.exchange(quote["quote"], "first", wait=WAIT_SECONDS)
    same = again["receipt"] == story.first["receipt"]
    story.shows("the same request, signed again: the same receipt", held=same, detail="idempotent by key and body")
    story.shows(
        "the very same bytes: refused", held=_replayed(story) == "signature_replayed", detail="401 signature_replayed"
    )


def _replayed(story: Story) -> str:
    """The code of the refusal when identical bytes are sent twice."""
    key = vault.private_key(story.stage.folder / "palm-requests.jwk")
    authority = story.stage.url.removeprefix("http://")
    now = int(time.time())
    message = Message("GET", authority, "/v1/position", "?", (), b"")
    headers = sign_request(message, key, created=now, expires=now + 60, nonce="once-and-never-again-0001")
    answers = [httpx.get(f"{story.stage.url}/v1/position", headers=dict(headers)) for _ in range(2)]
    return str(answers[1].json().get("code")) if answers[0].status_code == httpx.codes.OK else "first one failed"


def declining(story: Story) -> None:
    """The airline declines: the points are back at the hotel"""
    before = story.balance("palm-hotels")
    ended = story.exchange(SENT_DECLINED, "declined")
    story.shows("the exchange is reversed", held=ended["state"] == "reversed", detail=str(ended["reason"]))
    effects = story.stage.effects("palm-hotels", ended["exchange"])
    story.shows(
        "held, then released; nothing is gone", held=story.balance("palm-hotels") == before, detail=", ".join(effects)
    )


def losing_the_answer(story: Story) -> None:
    """The airline takes the credit, but its answer is lost: found out, completed once"""
    before = story.balance("lotus-air")
    ended = story.exchange(SENT_LOST_ANSWER, "lost-answer")
    gained = story.balance("lotus-air") - before
    story.shows(
        "a time-out is not a failure: it was asked again", held=ended["state"] == "completed", detail=ended["state"]
    )
    story.shows("credited once", held=gained == SENT_LOST_ANSWER // 2, detail=f"{gained:+,} miles")


def killing_the_house(story: Story) -> None:
    """The house is killed with SIGKILL in mid-exchange, and started again: completed once"""
    quote = story.quote(SENT_KILLED)
    before = story.balance("lotus-air")
    story.stage.close_house()
    story.stage.open_house(kill_at=KILL_AT)
    try:
        story.palm.exchange(quote["quote"], "killed", wait=WAIT_SECONDS)
        died = "it answered"
    except httpx.HTTPError as broken:
        died = type(broken).__name__
    story.shows("the caller hears nothing", held=died != "it answered", detail=died)
    story.shows("the process died of SIGKILL", held=story.stage.wait_for_end() == -9, detail=f"at {KILL_AT}")
    story.stage.open_house()
    again = story.palm.exchange(quote["quote"], "killed", wait=WAIT_SECONDS)
    gained = story.balance("lotus-air") - before
    story.shows("the same key again finds it completed", held=again["state"] == "completed", detail=again["exchange"])
    credits_ = story.stage.effects("lotus-air", again["exchange"]).count("credit")
    story.shows("credited once", held=(credits_, gained) == (1, SENT_KILLED // 2), detail=f"{gained:+,} miles")


def reversing(story: Story) -> None:
    """A part of the first exchange is reversed, at its original terms"""
    before = story.balance("palm-hotels"), story.balance("lotus-air")
    ended = story.palm.reverse(story.first["exchange"], PART, "the member asked for it", "partial", wait=WAIT_SECONDS)
    moved = story.balance("palm-hotels") - before[0], story.balance("lotus-air") - before[1]
    story.shows("the reversal is completed", held=ended["state"] == "completed", detail=ended["exchange"])
    story.shows(
        "miles first, then points",
        held=moved == (PART, -PART // 2),
        detail=f"{moved[1]:+,} miles, {moved[0]:+,} points",
    )
    now = story.palm.look_up(story.first["exchange"])
    story.shows(
        "the exchange knows its reversed part", held=now["reversed"] == PART, detail=f"{now['reversed']:,} of {SENT:,}"
    )


def proving(story: Story) -> None:
    """The books balance, and a receipt is proven without the house"""
    checks, balance, names, caps = asyncio.run(_read_books(story.stage))
    story.console.print(_trial_balance(balance, names))
    per_unit: dict[str, int] = {}
    for account, debits, credits_ in balance:
        unit = names[account][1]
        per_unit[unit] = per_unit.get(unit, 0) + debits - credits_
    told = ", ".join(f"{unit}: {total}" for unit, total in per_unit.items())
    story.shows("the trial balance is zero in every unit", held=not any(per_unit.values()), detail=told)
    for partner, position, pending in caps:
        side = "owes" if position > 0 else "is owed"
        story.shows(f"{partner} {side} {common(abs(position))}", held=pending == 0, detail="nothing pending")
    for check in checks:
        story.shows(check.name, held=check.holds, detail=f"{check.looked_at} looked at")
    proof = story.palm.proof(story.first["exchange"])
    story.stage.close_house()
    findings = verify_receipt({"receipt": proof["receipt"], "proof": proof}, story.stage.jwks)
    for finding in findings:
        story.shows(f"receipt, offline: {finding.detail}", held=finding.holds, detail=finding.check)
    story.shows("the receipt holds with the house switched off", held=holds(findings, proven=True))


def hiding(story: Story) -> None:
    """The members' numbers are in the programs' own books, and in nothing that the house wrote"""
    everything = [path for path in story.stage.folder.rglob("*") if path.is_file()] + story.kept
    theirs = [path for path in everything if path.name.startswith(("palm-hotels.db", "lotus-air.db"))]
    told = {
        path: any(number.encode() in path.read_bytes() for number in (AT_THE_HOTEL, AT_THE_AIRLINE))
        for path in everything
    }
    story.shows("the programs know their members", held=any(told[path] for path in theirs))
    leaks = sorted(path.name for path in everything if told[path] and path not in theirs)
    seen = f"{len(everything) - len(theirs)} files of logs, keys, PostgreSQL and outputs searched"
    story.shows("no log, row or proof of the house shows a number", held=not leaks, detail=", ".join(leaks) or seen)


async def _read_books(
    set_up: Stage,
) -> tuple[list[Check], list[tuple[int, int, int]], dict[int, tuple[str, str]], list[tuple[str, int, int]]]:
    async with await database.connect(set_up.database, name="clearing-demo") as connection:
        checks = await audit.audit(connection, vault.keyring(set_up.settings))
        balance = await reads.trial_balance(connection, LANE)
        directory = await partners.load(connection)
        caps = [(one.name, await reads.cap(connection, LANE, one.number)) for one in directory.partners.values()]
    return checks, balance, _account_names(directory), [(name, cap.position, cap.pending) for name, cap in caps]


def _account_names(directory: partners.Directory) -> dict[int, tuple[str, str]]:
    """Account number → its name, and its unit."""
    names = {
        account_number(0, kind): (f"house {kind.name.lower()}", "value")
        for kind in (Account.REMAINDER, Account.FUNDS, Account.CASH, Account.FEE, Account.ROUNDING)
    }
    for partner in directory.partners.values():
        for kind in (Account.POSITION, Account.COVER):
            names[account_number(partner.number, kind)] = (f"{partner.name} {kind.name.lower()}", "value")
    for program in directory.programs.values():
        for kind in Account:
            if kind < Account.POSITION:
                name = f"{program.name} {kind.name.lower().replace('_', ' ')}"
                names[account_number(program.number, kind)] = (name, program.name)
    return names


def _trial_balance(balance: list[tuple[int, int, int]], names: dict[int, tuple[str, str]]) -> Table:
    table = Table("account", "unit", title="Trial balance", title_justify="left")
    table.add_column("debits", justify="right")
    table.add_column("credits", justify="right")
    for account, debits, credits_ in sorted(balance, key=lambda row: (names[row[0]][1], row[0])):
        name, unit = names[account]
        shown = [common(amount) if unit == "value" else f"{amount:,}" for amount in (debits, credits_)]
        table.add_row(name, unit, *shown)
    return table


SCENES: tuple[Callable[[Story], None], ...] = (
    linking,
    completing,
    declining,
    losing_the_answer,
    killing_the_house,
    reversing,
    demo_terms.pricing,
    demo_terms.accruing,
    demo_terms.redeeming,
    demo_terms.running_out,
    *demo_settlement.SCENES,
    demo_books.booking,
    proving,
    demo_books.checking,
    hiding,
)


def run(out: Path, books: Path | None = None) -> int:
    """Tell the story, and put what it makes into the folder `out`, its books also into `books`; 0 if all of it held."""
    console = Console(soft_wrap=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="clearing-demo-") as name:
        console.print(
            Panel(
                "A hotel's points become an airline's miles: signed both ways, booked, and provable.",
                title="clearing demo",
            )
        )
        with stage(Path(name)) as set_up:
            told = dict(sorted(set_up.programs.items()))
            console.print(f"  the house at {set_up.url}, programs at {json.dumps(told)}", style="dim", highlight=False)
            story = Story(set_up, console, set_up.client("palm"), out=out)
            for scene in SCENES:
                _play(story, scene)
            if books is not None:
                books.write_text(asyncio.run(demo_books.journals(set_up, "beancount")), encoding="utf-8")
    console.print(_kept(story))
    console.print("Check them yourself:", *(f"  {command}" for command in story.commands), sep="\n", highlight=False)
    seconds = int(time.monotonic() - started)
    if story.failed:
        console.print(f"\n{len(story.failed)} things did not hold", style="bold red")
        return 1
    console.print(f"\nAll of it held, in {seconds} seconds.", style="bold green")
    return 0


def _kept(story: Story) -> Table:
    table = Table("file", title="What is left to look at", title_justify="left")
    table.add_column("bytes", justify="right")
    for path in story.kept:
        table.add_row(str(path), f"{path.stat().st_size:,}")
    return table


def _play(story: Story, scene: Callable[[Story], None]) -> None:
    story.console.print(f"\n{scene.__doc__}", style="bold")
    try:
        scene(story)
    except (Problem, httpx.HTTPError, KeyError, TimeoutExpired) as broken:
        story.shows(f"{scene.__name__} could not be told", held=False, detail=f"{type(broken).__name__}: {broken}")

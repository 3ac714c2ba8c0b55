"""`clearing bank`: payments for the bank, what the bank says of them, and rate sets, all from files and without a server."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from babel.numbers import get_currency_precision, list_currencies

from clearing import errors
from clearing.front import sources, terminal
from clearing.front.shapes import instant
from settlement.files import confirmations, markup, payments, sheets
from settlement.files.bankfile import BankFile, Entry, Statement, plain
from settlement.files.confirming import Claim, Match, Outcome, match, to_come
from settlement.files.instructed import instructions as instructions_of
from settlement.files.parties import Account, Party
from settlement.files.payments import Instruction
from settlement.files.rates import RateSet, listed, rate_set, valued

bank = typer.Typer(help="Files of banks and of rates, without a server.", no_args_is_help=True)
terminal.app.add_typer(bank, name="bank")

Read = TypeVar("Read")

Table = Annotated[
    Path,
    typer.Argument(
        exists=True, dir_okay=False, readable=True, help="A table, CSV; docs/bank-files.md has its columns."
    ),
]
Files = Annotated[
    list[Path], typer.Argument(exists=True, dir_okay=False, readable=True, help="camt.053, camt.054 or pain.002.")
]
Expected = Annotated[
    Path | None, typer.Option("--instructions", exists=True, dir_okay=False, readable=True, help="What was to be paid.")
]
Message = Annotated[str | None, typer.Option(help="The message id; none: made of the instructions.")]


@bank.command()
def check(
    files: Files,
    instructions: Expected = None,
    iban: Annotated[str | None, typer.Option(help="The account that was to pay; none: any.")] = None,
    message_id: Message = None,
    since: Annotated[
        str | None, typer.Option(help="The day on which the instructions were made: what was booked before differs.")
    ] = None,
) -> None:
    """Say what files of a bank say, whether they hold, and how they match the instructions: JSON. Exit 1 when anything differs."""
    read = [_read(path, markup.SIZE_MAX, confirmations.read) for path in files]
    today = sources.clock().date()
    ahead = [sentence for file in read for sentence in to_come(file, today)]
    expected: tuple[Instruction, ...] = ()
    if instructions is not None:
        payer = Party("payer", None if iban is None else _account(iban))
        anyday = date.min  # the bank's day is not compared: it may book later than it was asked to
        expected = _read(instructions, sheets.SIZE_MAX, lambda body: instructions_of(body, payer, anyday, _digits))
    sent = payments.sent(expected, message_id or payments.message_id(expected))
    found = match(expected, read, sent, None if since is None else _day(since, "--since"))
    found = replace(found, findings=(*found.findings, *ahead))
    terminal.out.print_json(data=_checked(read, found) | ({} if instructions is None else {"match": _matched(found)}))
    raise typer.Exit(1 if found.blocked else 0)


@bank.command()
def pay(
    table: Table,
    debtor: Annotated[str, typer.Option(help="Who pays, as the bank knows it.")],
    iban: Annotated[str, typer.Option(help="The account that pays.")],
    date: Annotated[str, typer.Option(help="The day on which the bank should pay, like 2026-11-20.")],
    bic: Annotated[str, typer.Option(help="The bank of that account; none: the bank knows itself.")] = "",
    town: Annotated[str, typer.Option(help="Town of who pays; with --country, or neither.")] = "",
    country: Annotated[str, typer.Option(help="Country of who pays, like NL.")] = "",
    initiator: Annotated[str | None, typer.Option(help="Who sends the message; none: who pays.")] = None,
    message_id: Message = None,
    created: Annotated[str | None, typer.Option(help="When it is made, RFC 3339; none: the start of that day.")] = None,
    service_level: Annotated[str, typer.Option(help="SEPA, or nothing.")] = "",
) -> None:
    """Write instructions as a pain.001.001.09 to stdout: the same bytes for the same words."""
    payer = Party(debtor, _account(iban), town, country, bic)
    day = _day(date)
    found = _read(table, sheets.SIZE_MAX, lambda body: instructions_of(body, payer, day, _digits))
    body = payments.pain001(
        found,
        message=message_id or payments.message_id(found),
        created_at=datetime.combine(day, time(), UTC) if created is None else terminal.instant(created, "--created"),
        initiator=initiator or debtor,
        debtor=payer,
        service_level=service_level,
    )
    typer.echo(body, nl=False)


@bank.command()
def rates(
    table: Table,
    base: Annotated[
        str, typer.Option(help="With --out: the currency of which one unit is worth so many of the others.")
    ] = "EUR",
    unit: Annotated[
        str | None, typer.Option("--in", help="With --out: the currency of the common unit; none: that of --base.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write what `clearing rates publish` takes.")
    ] = None,
) -> None:
    """Say what a rate set says, as exact fractions: JSON. With --out also the value of one unit of each currency, to be published."""

    def turned(body: bytes) -> tuple[RateSet, bytes]:
        told = rate_set(body)
        return told, b"" if out is None else listed(valued(told, base, unit or base))

    found, values = _read(table, sheets.SIZE_MAX, turned)
    if out is not None:
        out.write_bytes(values)
        _told_next(found, out, unit or base)
    terminal.out.print_json(
        data={
            "source": found.source,
            "date": found.date.isoformat(),
            "published_at": found.published_at.isoformat(),
            "rates": {currency: {"num": rate.num, "den": rate.den} for currency, rate in found.rates},
        }
    )


def _told_next(found: RateSet, out: Path, unit: str) -> None:
    """The command that publishes what was written, beside the answer."""
    said = {
        "source": found.source,
        "date": found.date.isoformat(),
        "published-at": instant(found.published_at),
        "in": unit,
    }
    words = " ".join(f"--{name} {value}" for name, value in said.items())
    line = f"wrote {out}; next: clearing rates publish {out} {words} --key OPERATOR.jwk"
    terminal.err.print(line, soft_wrap=True, markup=False, highlight=False)


# --- what is read


def _read(path: Path, most: int, reader: Callable[[bytes], Read]) -> Read:
    """What a file says, no more of it than `most` bytes and one; a refusal names the file."""
    with path.open("rb") as file:
        body = file.read(most + 1)
    try:
        return reader(body)
    except errors.RequestMalformed as fault:
        raise type(fault)(f"{path}: {fault.detail}") from None


def _account(iban: str) -> Account:
    return Account(iban.replace(" ", ""))


def _digits(currency: str) -> int:
    """How many digits the currency has, as the Unicode CLDR says."""
    if currency not in list_currencies():
        raise errors.ValidationFailed("currency: no currency has this code")
    return get_currency_precision(currency)


def _day(text: str, name: str = "--date") -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{name} is a day like 2026-11-20") from None


# --- what is said


def _checked(files: list[BankFile], found: Match) -> dict[str, Any]:
    return {
        "files": [_file(each) for each in files],
        "holds": not found.findings,
        "findings": list(found.findings),
        "repeated": list(found.repeated),
    }


def _file(file: BankFile) -> dict[str, Any]:
    told = {
        "version": file.version,
        "message_id": file.message_id,
        "created_at": file.created_at,
        "fingerprint": file.fingerprint,
    }
    if not file.answered:
        return told | {"statements": [_statement(each) for each in file.statements]}
    statuses = [
        {"of": each.name, "whole": each.whole, "status": each.word, "reason": each.reason}
        | _money(each.amount, each.currency)
        for each in file.statuses
    ]
    return told | {"answers": file.answered, "statuses": statuses}


def _statement(statement: Statement) -> dict[str, Any]:
    balance = statement.balance
    told = {
        "opening": plain(balance.opening),
        "closing": plain(balance.closing),
        "currency": balance.currency,
        "difference": plain(statement.difference),
    } if balance else {}  # fmt: skip
    return {
        "id": statement.id,
        "sequence": statement.sequence,
        "account": statement.account.id,
        "balance": told or None,
        "entries": [_entry(each) for each in statement.entries],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "reference": entry.reference,
        "status": entry.booking,
        "booking_date": entry.booking_date.isoformat() if entry.booking_date else None,
        "value_date": entry.value_date.isoformat() if entry.value_date else None,
        **_money(entry.amount, entry.currency),
        "direction": entry.direction,
        "reversal": entry.reversal,
        "payments": [
            {
                "end_to_end_id": each.end_to_end_id,
                **_money(each.amount, each.currency),
                "direction": each.direction,
                "returned": each.returned,
                "reason": each.reason,
            }
            for each in entry.details
        ],
    }


def _money(amount: int | None, currency: str) -> dict[str, Any]:
    return {"amount": None if amount is None else plain(amount), "currency": currency or None}


def _matched(found: Match) -> dict[str, Any]:
    return {
        "blocked": found.blocked,
        "outcomes": [_outcome(each) for each in found.outcomes],
        "unknown": [_unknown(each) for each in found.unknown],
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "id": outcome.id,
        "state": outcome.state,
        "reason": outcome.reason,
        "differences": [{"what": each.what, "ours": each.ours, "theirs": each.theirs} for each in outcome.differences],
        "files": list(outcome.sources),
    }


def _unknown(claim: Claim) -> dict[str, Any]:
    return {
        "id": claim.id,
        "said": claim.said,
        **_money(claim.amount, claim.currency),
        "direction": claim.direction,
        "reason": claim.reason,
        "file": claim.source,
    }

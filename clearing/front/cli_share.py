"""`clearing share`: a base through a revenue-sharing contract, without a server. JSON on stdout, exit 6 for a refusal."""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from clearing import errors
from clearing.front import reading, settled, terminal
from clearing.rules.agreements import HOUSE
from clearing.rules.shapes import Fault
from settlement.rules import interest, money, sharing
from settlement.rules.contracts import CoFunding, Contract
from settlement.rules.money import Reason, Refused
from settlement.rules.share_json import read_contract


@terminal.app.command()
def share(
    contract: Annotated[Path, settled.argument("The contract (openapi/share-contract.schema.json).")],
    base: Annotated[str, typer.Option(help="What is shared, in major units, like 1000.00.")],
    currency: Annotated[str | None, typer.Option(help="Of the base; needed where the contract names none.")] = None,
    volume: Annotated[str, typer.Option(help="What was shared before in this period.")] = "0",
    spent: Annotated[
        list[str] | None, typer.Option(help="STEP=AMOUNT: what a campaign's sponsors paid before in this period.")
    ] = None,
    received: Annotated[
        list[str] | None, typer.Option(help="PARTY=AMOUNT: what a party got before in this period, true-ups too.")
    ] = None,
    against: Annotated[
        Path | None,
        settled.option("--against", "Another version: a shadow run, and what each party has more than under it."),
    ] = None,
    undo: Annotated[str | None, typer.Option(help="Claw back so much of the base, at these terms.")] = None,
    undone: Annotated[str | None, typer.Option(help="With --undo: what of the base was clawed back before.")] = None,
    due: Annotated[str | None, typer.Option(help="The day on which the base was due.")] = None,
    paid: Annotated[str | None, typer.Option(help="The day on which it was paid: interest as agreed.")] = None,
    *,
    close: Annotated[
        bool, typer.Option("--close", help="The period ends: guarantees and caps are made up for.")
    ] = False,
) -> None:
    """Share a base by a contract: legs that add up to it, what each party has, what a later base of the period begins with."""
    terms = _contract(contract)
    unit = settled.must(_currency(terms, currency), contract)
    digits = settled.currencies()[unit]
    minor = 10 ** (money.MICRO_DIGITS - digits)
    whole = minor * settled.must(money.decimal(base, digits, money.MICROS_MAX // minor))
    before = sharing.Before(_micros(volume), _named(spent, "STEP=AMOUNT"), _named(received, "PARTY=AMOUNT"))
    _known(terms, before)
    run = sharing.share(terms, whole, before, closing=close)
    said = {"currency": unit} | _shared(run, digits)
    if against is not None:
        old = _contract(against)
        if (old.contract, old.currency) != (terms.contract, terms.currency):
            settled.refuse(
                Refused(Reason.CONTRACT, "is a version of another contract, or in another currency"), against
            )
        said["against"] = _shadow(sharing.share(old, whole, before, closing=close), run, digits)
    if undo is not None:
        said["claw_back"] = _clawed_back(run, _micros(undone or "0"), _micros(undo), digits)
    elif undone is not None:
        raise typer.BadParameter("--undone goes with --undo")
    if due is not None or paid is not None:
        said["interest"] = _interest(run, settled.day(due), settled.day(paid), digits)
    settled.say(said)


# --- what is read


def _contract(path: Path) -> Contract:
    try:
        found = read_contract(reading.file_document(settled.read(path, reading.BODY_BYTES_MAX)))
    except errors.RequestMalformed as fault:
        settled.refuse(Refused(Reason.CONTRACT, fault.detail), path)
    if isinstance(found, Fault):
        settled.refuse(Refused(Reason.CONTRACT, str(found)), path)
    return found


def _currency(terms: Contract, said: str | None) -> str | Refused:
    """The currency of the base: the contract's, or where it has none, what was said."""
    found = terms.currency or said
    if found is None:
        return Refused(Reason.CURRENCY, "the contract names no currency; say --currency")
    if said not in {None, found}:
        return Refused(Reason.CURRENCY, f"the contract is in {found}")
    return found if found in settled.currencies() else Refused(Reason.CURRENCY, f"{found[:10]!a} is no currency code")


def _micros(text: str) -> int:
    return settled.must(money.micros(text))


def _named(said: list[str] | None, form: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for word in said or ():
        name, equals, amount = word.partition("=")
        if not equals or name in found:
            raise typer.BadParameter(f"say {form}, each name once")
        found[name] = _micros(amount)
    return found


def _known(terms: Contract, before: sharing.Before) -> None:
    """A name that the contract does not have would count for nothing, so it is refused."""
    campaigns = {step.name for step in terms.steps if isinstance(step.rule, CoFunding)}
    for name in before.spent.keys() - campaigns:
        raise typer.BadParameter(f"the contract has no campaign {name!a}")
    for name in before.received.keys() - {*terms.parties, HOUSE}:
        raise typer.BadParameter(f"{name!a} is no party of the contract")


# --- what is said


def _shared(run: sharing.Shared, digits: int) -> dict[str, Any]:
    nets = sharing.nets(run.legs, run.contract.parties)
    return {
        "contract": run.contract.contract,
        "version": run.contract.version,
        "base": money.plain(run.base, digits),
        "legs": [_leg(leg, digits) for leg in run.legs],
        "sum": money.plain(sum(leg.amount for leg in run.legs if leg.of_base), digits),
        "totals": _amounts(sharing.totals(run), digits),
        "nets": _amounts(nets, digits),
        "payable": _payable(nets, digits),
        "next": {
            "volume": money.plain(run.after.volume, digits),
            "spent": _amounts(run.after.spent, digits),
            "received": _amounts(run.after.received, digits),
        },
    }


def _leg(leg: sharing.Leg, digits: int) -> dict[str, Any]:
    return {
        "from": leg.payer,
        "to": leg.payee,
        "amount": money.plain(leg.amount, digits),
        "step": leg.step,
        "why": leg.why,
        "of_base": leg.of_base,
    }


def _amounts(amounts: Mapping[str, int], digits: int) -> dict[str, str]:
    return {name: money.plain(amount, digits) for name, amount in amounts.items()}


def _payable(nets: Mapping[str, int], digits: int) -> dict[str, str]:
    """The nets in minor units, rounded here and nowhere else."""
    rounded = money.to_minor({party: money.minor(Fraction(amount), digits) for party, amount in nets.items()})
    return {party: money.written(amount, digits) for party, amount in rounded.items()}


def _shadow(old: sharing.Shared, new: sharing.Shared, digits: int) -> dict[str, Any]:
    return {
        "version": old.contract.version,
        "totals": _amounts(sharing.totals(old), digits),
        "difference": _amounts(sharing.differences(old, new), digits),
    }


def _clawed_back(run: sharing.Shared, undone: int, amount: int, digits: int) -> dict[str, Any]:
    if undone + amount > run.base:
        settled.refuse(Refused(Reason.OUT_OF_RANGE, "more would be clawed back than was shared"))
    legs = sharing.claw_back(run, undone, undone + amount)
    return {
        "version": run.contract.version,
        "undone": money.plain(undone + amount, digits),
        "legs": [_leg(leg, digits) for leg in legs],
        "nets": _amounts(sharing.nets(legs, run.contract.parties), digits),
    }


def _interest(run: sharing.Shared, due: date | None, paid: date | None, digits: int) -> dict[str, Any]:
    late = run.contract.late
    if late is None:
        settled.refuse(Refused(Reason.CONTRACT, "the contract says nothing about interest (`late`)"))
    if due is None or paid is None:
        raise typer.BadParameter("say --due and --paid, both")
    if paid < due:
        settled.refuse(Refused(Reason.OUT_OF_RANGE, "it was paid before it was due"))
    amount = interest.accrued(run.base, late, due, due, paid)
    return {
        "from": run.contract.payer,
        "to": late.to,
        "amount": money.plain(amount, digits),
        "days": (paid - due).days,
        "day_count": late.day_count.value,
        "basis_points": late.basis_points,
    }

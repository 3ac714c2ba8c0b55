"""Who else has books in the demo: the bank, which books payments and says so in a file, and the hotel, which keeps a book of its own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from clearing.rules.units import MICRO
from settlement.rules.matching import SCHEMA, SIGN_RULE, units

OUR_ACCOUNT = "NL91ABNA0417164300"  # of the house, at the demo's bank
DETAILS: tuple[dict[str, Any], ...] = (
    {"partner": "house", "version": 1, "name": "Clearing house", "iban": OUR_ACCOUNT, "currency": "EUR"},
    {"partner": "palm", "version": 1, "name": "Palm Hotels", "iban": "FR1420041010050500013M02606", "currency": "EUR"},
    {"partner": "corner", "version": 1, "name": "Corner Shop", "iban": "ES9121000418450200051332", "currency": "EUR"},
    {"partner": "lotus", "version": 1, "name": "Lotus Air", "iban": "DE89370400440532013000", "currency": "USD"},
)
DIRECTION = {"pay_in": "CRDT", "pay_out": "DBIT"}
NOTIFICATION = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08">
  <BkToCstmrDbtCdtNtfctn>
    <GrpHdr><MsgId>{name}</MsgId><CreDtTm>{at}</CreDtTm></GrpHdr>
    <Ntfctn>
      <Id>{name}</Id>
      <Acct><Id><IBAN>{account}</IBAN></Id></Acct>
{entries}    </Ntfctn>
  </BkToCstmrDbtCdtNtfctn>
</Document>
"""
ENTRY = """      <Ntry>
        <Amt Ccy="{currency}">{amount}</Amt>
        <CdtDbtInd>{direction}</CdtDbtInd>
        <Sts><Cd>BOOK</Cd></Sts>
        <BookgDt><Dt>{day}</Dt></BookgDt>
        <AcctSvcrRef>{reference}</AcctSvcrRef>
        <NtryDtls><TxDtls><Refs><EndToEndId>{instruction}</EndToEndId></Refs></TxDtls></NtryDtls>
      </Ntry>
"""


def notification(name: str, instructions: Iterable[dict[str, Any]], now: datetime) -> str:
    """The bank's camt.054 of these payments, booked today. All that goes into it is of letters that XML leaves alone."""
    entries = [
        ENTRY.format(
            currency=one["currency"],
            amount=one["amount"],
            direction=DIRECTION[one["direction"]],
            day=f"{now:%Y-%m-%d}",
            reference=f"BK-{one['instruction'][-12:]}",
            instruction=one["instruction"],
        )
        for one in instructions
    ]
    return NOTIFICATION.format(name=name, at=f"{now:%Y-%m-%dT%H:%M:%S}Z", account=OUR_ACCOUNT, entries="".join(entries))


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the hotel's book. `amount` in millionths, plus: it owes the house."""

    exchange: str
    at: str
    amount: int


def items(exchanges: Iterable[dict[str, Any]]) -> list[Item]:
    """What the hotel's accounts say of a window: an item for each exchange that moved its position, in the order of time."""
    told = [
        Item(one["exchange"], one["entries"][0]["at"], sum(int(entry["amount"]) for entry in one["entries"]))
        for one in exchanges
        if one["entries"]
    ]
    return sorted((one for one in told if one.amount), key=lambda one: (one.at, one.exchange))


def with_slips(true: Sequence[Item]) -> list[Item]:
    """The same with three slips: an amount mistyped by one unit, an item entered twice, one left out."""
    mistyped, doubled, _left_out, *rest = true
    return [replace(mistyped, amount=mistyped.amount + MICRO), doubled, doubled, *rest]


def hotels_book(window: int, lines: Sequence[Item]) -> str:
    """The hotel's first book, of this window, in CSV."""
    told = [
        f"D,{number},{one.exchange},,{one.at},{units(max(one.amount, 0))},{units(max(-one.amount, 0))},,final\n"
        for number, one in enumerate(lines, 1)
    ]
    debit, credit = (sum(max(sign * one.amount, 0) for one in lines) for sign in (1, -1))
    digest = sha256("".join(told).encode()).hexdigest()
    head = f"H,{SCHEMA},palm,{window},1,{SIGN_RULE}\n"
    return f"{head}{''.join(told)}T,{len(told)},{units(debit)},{units(credit)},{digest}\n"

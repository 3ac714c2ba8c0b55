"""Instructions in a table: what `clearing bank pay` writes for the bank and `clearing bank check` matches."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import date

from clearing import errors
from settlement.files.parties import Account, Party
from settlement.files.payments import Instruction
from settlement.files.sheets import Row, rows

NEEDED = ("id", "payee", "amount", "currency")
ALLOWED = ("iban", "account", "bic", "town", "country", "remittance")

_AMOUNT = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,4}))?")


def instructions(body: bytes, payer: Party, day: date, digits: Callable[[str], int]) -> tuple[Instruction, ...]:
    """What this table instructs `payer` to pay on `day`; `digits` says how many a currency has.

    Raises errors.BodyTooLarge, errors.RequestMalformed or errors.ValidationFailed with the line. An amount is a decimal in major units
    with no more digits than its currency; each line has an `iban` or another `account`.
    """
    found = tuple(_instruction(row, payer, day, digits) for row in rows(body, NEEDED, ALLOWED))
    (name, times), *_ = Counter(each.id for each in found).most_common(1)
    if times > 1:
        raise errors.ValidationFailed(f"instruction {name}: its id is there twice")
    return found


def _instruction(row: Row, payer: Party, day: date, digits: Callable[[str], int]) -> Instruction:
    if bool(row["iban"]) == bool(row["account"]):
        raise row.fault("one of iban and account")
    currency = row["currency"]
    known = digits(currency)
    try:
        iban = row["iban"].replace(" ", "")
        account = Account(iban) if iban else Account(row["account"], iban=False)
        payee = Party(row["payee"], account, row["town"], row["country"], row["bic"])
        return Instruction(
            row["id"], payer, payee, _minor(row["amount"], known), known, currency, day, row["remittance"]
        )
    except errors.ValidationFailed as fault:
        raise row.fault(fault.detail) from None


def _minor(text: str, digits: int) -> int:
    match = _AMOUNT.fullmatch(text)
    fraction = (match[2] or "") if match else ""
    if match is None or len(fraction) > digits:
        raise errors.ValidationFailed(f"amount: plain decimal text with at most {digits} digits after the point")
    return int(match[1] + fraction.ljust(digits, "0"))

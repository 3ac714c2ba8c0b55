"""Payments out: instructions as a pain.001.001.09, the same bytes for the same instructions in any order."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib import resources
from itertools import groupby

from lxml import etree

from clearing import errors
from clearing.rules.units import AMOUNT_MAX
from settlement.files.parties import NAME_MAX, TOWN_MAX, Account, Party, latin, reference
from settlement.rules.money import MICRO_DIGITS, written

VERSION = "pain.001.001.09"
NAMESPACE = f"urn:iso:std:iso:20022:tech:xsd:{VERSION}"
ID_MAX = 35  # EndToEndId, Max35Text
MESSAGE_ID_MAX = 30  # leaves room for "-1" and so on in a payment information's id
REMITTANCE_MAX = 140  # RmtInf/Ustrd, Max140Text
CURRENCY_DIGITS_MAX = 4  # ISO 4217
SEPA_MAX = 99_999_999_999  # cents, the rulebook's largest transfer

_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One payment. `amount` counts minor units, of which 10 ** `digits` make one of `currency`; `id` comes back as EndToEndId."""

    id: str
    payer: Party
    payee: Party
    amount: int
    digits: int
    currency: str
    value_date: date
    remittance: str = ""

    def __post_init__(self) -> None:
        """Raises errors.ValidationFailed."""
        reference(self.id, "instruction id", ID_MAX)
        if self.id == "NOTPROVIDED":
            raise errors.ValidationFailed("instruction id: NOTPROVIDED means none in every bank's files")
        if not 0 < self.amount <= AMOUNT_MAX or not 0 <= self.digits <= CURRENCY_DIGITS_MAX:
            raise errors.ValidationFailed(f"instruction {self.id}: the amount is whole minor units, more than none")
        if not _CURRENCY.fullmatch(self.currency):
            raise errors.ValidationFailed(f"instruction {self.id}: currency is three capital letters (ISO 4217)")
        if self.remittance:
            latin(self.remittance, f"instruction {self.id}: remittance", REMITTANCE_MAX)

    @property
    def micros(self) -> int:
        """The amount in millionths of the currency, as the books and the bank's entries count."""
        return int(self.amount * 10 ** (MICRO_DIGITS - self.digits))


@dataclass(frozen=True, slots=True)
class Batch:
    """One payment information: what is paid on one day in one currency."""

    id: str
    value_date: date
    currency: str
    instructions: tuple[Instruction, ...]


def message_id(instructions: Iterable[Instruction]) -> str:
    """A message id made of what is paid to whom, so that a bank that looks for doubles meets the same one twice.

    The day is not in it: the same instructions paid again on another day are a double too.
    """
    said = sorted(
        [each.id, each.amount, each.digits, each.currency, each.payee.account.id if each.payee.account else ""]
        for each in instructions
    )
    return "P" + hashlib.sha256(json.dumps(said).encode()).hexdigest()[: MESSAGE_ID_MAX - 1]


def batches(instructions: Sequence[Instruction], message: str) -> tuple[Batch, ...]:
    """Instructions by day and currency, then by id; what bank and house both call a batch is the message's id and its place."""
    ordered = sorted(instructions, key=lambda each: (each.value_date, each.currency, each.id))
    days = groupby(ordered, key=lambda each: (each.value_date, each.currency))
    return tuple(
        Batch(f"{message}-{place}", day, currency, tuple(group))
        for place, ((day, currency), group) in enumerate(days, 1)
    )


def sent(instructions: Sequence[Instruction], message: str) -> dict[str, tuple[str, ...]]:
    """What a message's id and those of its batches stand for: a bank may accept or reject all of it in one word."""
    named = {batch.id: tuple(each.id for each in batch.instructions) for batch in batches(instructions, message)}
    return {message: tuple(sorted(each.id for each in instructions)), **named}


def pain001(
    instructions: Sequence[Instruction],
    *,
    message: str,
    created_at: datetime,
    initiator: str,
    debtor: Party,
    service_level: str = "",
) -> bytes:
    """The file for the bank, valid under the official schema. Raises errors.ValidationFailed for what no bank should be sent.

    `service_level` "SEPA" asks for a SEPA transfer: euros, IBANs and the rulebook's largest amount are then required, and charges
    follow the service level. Empty, the bank chooses by what it agreed with its customer.
    """
    _require(instructions, message, created_at, debtor, service_level)
    root = etree.Element(f"{{{NAMESPACE}}}Document", nsmap={None: NAMESPACE})  # type: ignore[dict-item]  # the stubs forget the default namespace
    body = _add(root, "CstmrCdtTrfInitn")
    header = _add(body, "GrpHdr")
    _add(header, "MsgId", message)
    _add(header, "CreDtTm", created_at.isoformat(timespec="seconds"))
    _sums(header, instructions)
    _add(_add(header, "InitgPty"), "Nm", latin(initiator, "initiator", NAME_MAX))
    for batch in batches(instructions, message):
        _batch(_add(body, "PmtInf"), batch, debtor, service_level)
    _require_schema(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


# --- what must be true


def _require(
    instructions: Sequence[Instruction], message: str, created_at: datetime, debtor: Party, service_level: str
) -> None:
    reference(message, "message id", MESSAGE_ID_MAX)
    if created_at.utcoffset() is None:
        raise errors.ValidationFailed("the creation time needs its offset from UTC")
    if not instructions:
        raise errors.ValidationFailed("there is nothing to pay")
    if debtor.account is None:
        raise errors.ValidationFailed("the debtor needs an account")
    if service_level not in {"", "SEPA"}:
        raise errors.ValidationFailed("the service level is SEPA or none")
    ids: set[str] = set()
    digits: dict[str, int] = {}
    for each in instructions:
        if each.id in ids:
            raise errors.ValidationFailed(f"instruction {each.id}: its id is there twice")
        ids.add(each.id)
        if digits.setdefault(each.currency, each.digits) != each.digits:
            raise errors.ValidationFailed(f"instruction {each.id}: {each.currency} has other digits than before")
        if each.payer != debtor:
            raise errors.ValidationFailed(f"instruction {each.id}: its payer is not the debtor of this message")
        if each.payee.account is None or each.payee.account == debtor.account:
            raise errors.ValidationFailed(f"instruction {each.id}: the payee needs an account of its own")
        if service_level and not _sepa(each, debtor):
            raise errors.ValidationFailed(f"instruction {each.id}: SEPA is euros between IBANs, up to 999,999,999.99")


def _sepa(each: Instruction, debtor: Party) -> bool:
    ibans = all(party.account is not None and party.account.iban for party in (each.payee, debtor))
    return ibans and (each.currency, each.digits) == ("EUR", 2) and each.amount <= SEPA_MAX


@cache
def _schema() -> etree.XMLSchema:
    """The official schema, read where its package has it."""
    packed = resources.files("sepaxml").joinpath("schemas", f"{VERSION}.xsd").read_bytes()
    return etree.XMLSchema(etree.fromstring(packed))


def _require_schema(root: etree._Element) -> None:
    try:
        _schema().assertValid(root)
    except etree.DocumentInvalid as fault:
        raise errors.ValidationFailed(f"the official schema refuses this message: {fault}") from None


# --- what is written


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    found = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    found.text = text
    return found


def _sums(parent: etree._Element, instructions: Sequence[Instruction]) -> None:
    """How many, and the sum of their figures whatever their currency (ISO 20022: ControlSum)."""
    _add(parent, "NbOfTxs", str(len(instructions)))
    least = max(each.digits for each in instructions)
    _add(parent, "CtrlSum", written(sum(each.micros for each in instructions), MICRO_DIGITS, least))


def _batch(parent: etree._Element, batch: Batch, debtor: Party, service_level: str) -> None:
    _add(parent, "PmtInfId", batch.id)
    _add(parent, "PmtMtd", "TRF")
    _add(parent, "BtchBookg", "false")  # each payment is an entry of its own, which comes back with its id
    _sums(parent, batch.instructions)
    if service_level:
        _add(_add(_add(parent, "PmtTpInf"), "SvcLvl"), "Cd", service_level)
    _add(_add(parent, "ReqdExctnDt"), "Dt", batch.value_date.isoformat())
    _party(parent, "Dbtr", debtor)
    _account(parent, "DbtrAcct", debtor.account)
    agent = _add(_add(parent, "DbtrAgt"), "FinInstnId")
    if debtor.bic:
        _add(agent, "BICFI", debtor.bic)
    else:
        _add(_add(agent, "Othr"), "Id", "NOTPROVIDED")
    if service_level:
        _add(parent, "ChrgBr", "SLEV")
    for each in batch.instructions:
        _transfer(_add(parent, "CdtTrfTxInf"), each)


def _transfer(parent: etree._Element, each: Instruction) -> None:
    ids = _add(parent, "PmtId")
    _add(ids, "InstrId", each.id)
    _add(ids, "EndToEndId", each.id)
    amount = _add(_add(parent, "Amt"), "InstdAmt", written(each.amount, each.digits))
    amount.set("Ccy", each.currency)
    if each.payee.bic:
        _add(_add(_add(parent, "CdtrAgt"), "FinInstnId"), "BICFI", each.payee.bic)
    _party(parent, "Cdtr", each.payee)
    _account(parent, "CdtrAcct", each.payee.account)
    if each.remittance:
        _add(_add(parent, "RmtInf"), "Ustrd", latin(each.remittance, "remittance", REMITTANCE_MAX))


def _party(parent: etree._Element, name: str, party: Party) -> None:
    found = _add(parent, name)
    _add(found, "Nm", latin(party.name, "name", NAME_MAX))
    if party.town:
        address = _add(found, "PstlAdr")
        _add(address, "TwnNm", latin(party.town, "town", TOWN_MAX))
        _add(address, "Ctry", party.country)


def _account(parent: etree._Element, name: str, account: Account | None) -> None:
    found = _add(_add(parent, name), "Id")
    if account is not None and account.iban:
        _add(found, "IBAN", account.id)
    elif account is not None:
        _add(_add(found, "Othr"), "Id", account.id)

"""Files in: statements, notifications and answers of a bank, each in one exact version, read strictly."""

import re
from collections.abc import Callable
from datetime import date

from lxml import etree

from clearing import errors
from settlement.files import markup
from settlement.files.bankfile import Balance, BankFile, Booking, Detail, Direction, Entry, Statement, Status
from settlement.files.markup import every, maybe, maybe_text, one, text
from settlement.files.money import micros
from settlement.files.parties import Account

NO_ID = "NOTPROVIDED"  # what banks write where the payer gave no EndToEndId
TYPE = "Tp/CdOrPrtry/Cd"
DEBTOR = "RltdPties/DbtrAcct/Id"
OPENING, CLOSING = ("OPBD", "PRCD"), ("CLBD",)

_VERSION = re.compile(r"[a-z]{4}[0-9.]{1,12}")
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T[0-9:.]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?")


def read(body: bytes) -> BankFile:
    """What this file says. Raises errors.BodyTooLarge, errors.RequestMalformed or errors.ValidationFailed with one sentence.

    Whether it holds is not judged here: `BankFile.findings`.
    """
    version, message = markup.document(body)
    if version not in READERS:
        named = version if _VERSION.fullmatch(version) else "this message"
        raise errors.ValidationFailed(f"{named} is not read here; {', '.join(READERS)} are")
    name, reader = READERS[version]
    if etree.QName(message).localname != name:
        raise errors.ValidationFailed(f"{version} holds {name} and nothing else")
    return reader(version, message)


# --- camt.053, camt.054


def _statements(version: str, message: etree._Element) -> BankFile:
    with_balance = version.startswith("camt.053")
    found = tuple(_statement(each, with_balance) for each in every(message, "Stmt" if with_balance else "Ntfctn"))
    if not found:
        raise errors.ValidationFailed("the file holds no account")
    return BankFile(version, text(message, "GrpHdr/MsgId"), text(message, "GrpHdr/CreDtTm"), found)


def _statement(parent: etree._Element, with_balance: bool) -> Statement:  # noqa: FBT001 - a fact, not a switch
    iban = maybe_text(parent, "Acct/Id/IBAN")
    return Statement(
        text(parent, "Id"),
        maybe_text(parent, "ElctrncSeqNb", "LglSeqNb"),
        Account(iban) if iban else Account(text(parent, "Acct/Id/Othr/Id"), iban=False),
        _balance(parent) if with_balance else None,
        tuple(_entry(each) for each in every(parent, "Ntry")),
    )


def _balance(parent: etree._Element) -> Balance:
    """Opening and closing of what is booked; one of each, in one currency. The closing of the day before is an opening too."""
    told: dict[str, tuple[int, str]] = {}
    for each in every(parent, "Bal"):
        code = maybe_text(each, TYPE)
        if code in OPENING + CLOSING:
            if code in told:
                raise errors.ValidationFailed(f"balance {code} is there twice")
            amount, currency = _money(one(each, "Amt"))
            told[code] = (_direction(each).signed(amount), currency)
    openings, closings = ({told[code] for code in codes if code in told} for codes in (OPENING, CLOSING))
    if len(openings) != 1 or len(closings) != 1:
        raise errors.ValidationFailed("a statement has one opening (OPBD or PRCD) and one closing balance (CLBD)")
    (opening, currency), (closing, other) = *openings, *closings
    if currency != other:
        raise errors.ValidationFailed(f"the statement opens in {currency} and closes in {other}")
    return Balance(opening, closing, currency)


def _entry(parent: etree._Element) -> Entry:
    amount, currency = _money(one(parent, "Amt"))
    direction = _direction(parent)
    reversal = _flag(maybe_text(parent, "RvslInd"))
    payments = [each for group in every(parent, "NtryDtls") for each in every(group, "TxDtls")]
    whole = (amount, currency) if len(payments) == 1 else (None, currency)
    return Entry(
        maybe_text(parent, "AcctSvcrRef"),
        _booking(text(parent, "Sts/Cd")),
        _day(maybe_text(parent, "BookgDt/Dt", "BookgDt/DtTm")),
        _day(maybe_text(parent, "ValDt/Dt", "ValDt/DtTm")),
        amount,
        currency,
        direction,
        reversal,
        any(maybe(each, "Chrgs") is not None for each in (parent, *payments)),
        tuple(_detail(each, whole, direction, reversal=reversal) for each in payments),
    )


def _detail(parent: etree._Element, whole: tuple[int | None, str], direction: Direction, *, reversal: bool) -> Detail:
    """One payment; what it does not say itself is the entry's, its amount only where it is the entry's only one."""
    named = maybe_text(parent, "Refs/EndToEndId")
    said = maybe(parent, "Amt")
    said = maybe(parent, "AmtDtls/TxAmt/Amt") if said is None else said
    amount, currency = whole if said is None else _money(said)
    back = maybe(parent, "RtrInf")
    return Detail(
        "" if named == NO_ID else named,
        amount,
        currency,
        direction if maybe(parent, "CdtDbtInd") is None else _direction(parent),
        reversal or back is not None,
        "" if back is None else maybe_text(back, "Rsn/Cd", "Rsn/Prtry"),
        _payer(parent),
    )


def _payer(parent: etree._Element) -> Account | None:
    """The debtor's account. What others write of themselves is no reason to refuse the file: what is no account is not said."""
    iban = maybe_text(parent, f"{DEBTOR}/IBAN")
    other = "" if iban else maybe_text(parent, f"{DEBTOR}/Othr/Id")
    try:
        return Account(iban or other, iban=bool(iban)) if iban or other else None
    except errors.ValidationFailed:
        return None


# --- pain.002


def _answer(version: str, message: etree._Element) -> BankFile:
    group = one(message, "OrgnlGrpInfAndSts")
    answered = text(group, "OrgnlMsgId")
    found = [*_word(group, answered, "GrpSts")]
    for batch in every(message, "OrgnlPmtInfAndSts"):
        found += _word(batch, text(batch, "OrgnlPmtInfId"), "PmtInfSts")
        whole = maybe_text(batch, "PmtInfSts") or maybe_text(group, "GrpSts")
        found += [_of_payment(each, whole) for each in every(batch, "TxInfAndSts")]
    header = one(message, "GrpHdr")
    said = (text(header, "MsgId"), text(header, "CreDtTm"))
    return BankFile(version, *said, answered=answered, statuses=tuple(found))


def _word(parent: etree._Element, name: str, field: str) -> list[Status]:
    word = maybe_text(parent, field)
    return [Status(name, whole=True, word=word, reason=_reason(parent))] if word else []


def _of_payment(parent: etree._Element, whole: str) -> Status:
    """One payment's status; where the bank gives only its reason, the status is that of the batch or the message."""
    said = maybe(parent, "OrgnlTxRef/Amt/InstdAmt")
    amount, currency = (None, "") if said is None else _money(said)
    name = maybe_text(parent, "OrgnlEndToEndId")
    return Status(
        "" if name == NO_ID else name,
        whole=False,
        word=maybe_text(parent, "TxSts") or whole or text(parent, "TxSts"),
        reason=_reason(parent),
        amount=amount,
        currency=currency,
    )


def _reason(parent: etree._Element) -> str:
    return " ".join(filter(None, (maybe_text(each, "Rsn/Cd", "Rsn/Prtry") for each in every(parent, "StsRsnInf"))))


# --- fields


def _money(leaf: etree._Element) -> tuple[int, str]:
    currency = leaf.get("Ccy") or ""
    if re.fullmatch(r"[A-Z]{3}", currency) is None:
        raise errors.ValidationFailed("an amount has no currency")
    return micros(markup.words(leaf)), currency


def _direction(parent: etree._Element) -> Direction:
    said = text(parent, "CdtDbtInd")
    if said not in set(Direction):
        raise errors.ValidationFailed("CdtDbtInd is CRDT or DBIT")
    return Direction(said)


def _booking(said: str) -> Booking:
    if said not in set(Booking):
        raise errors.ValidationFailed(f"Sts/Cd is one of {', '.join(Booking)}")
    return Booking(said)


def _flag(said: str) -> bool:
    if said not in {"", "true", "1", "false", "0"}:
        raise errors.ValidationFailed("RvslInd is true or false")
    return said in {"true", "1"}


def _day(said: str) -> date | None:
    """The day as the bank wrote it, in its own zone."""
    if not said:
        return None
    match = _DAY.fullmatch(said)
    try:
        return date.fromisoformat(match[1] if match else "")
    except ValueError:
        raise errors.ValidationFailed("a date is not one") from None


READERS: dict[str, tuple[str, Callable[[str, etree._Element], BankFile]]] = {
    "camt.053.001.08": ("BkToCstmrStmt", _statements),
    "camt.054.001.08": ("BkToCstmrDbtCdtNtfctn", _statements),
    "pain.002.001.10": ("CstmrPmtStsRpt", _answer),
}
"""What is read, by its exact version: what the message is called, and who reads it."""

"""A bank of our own making: its statements, notifications and answers, written by hand, piece by piece."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from settlement.files.parties import Account, Party
from settlement.files.payments import Instruction

HOUSE = Party("Points House", Account("NL91ABNA0417164300"), "Utrecht", "NL", "ABNANL2A")
PALM = Party("Palm Hotels", Account("DE89370400440532013000"))
LOTUS = Party("Lotus Air", Account("0532-77", iban=False), "Singapore", "SG")
DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)


def instruction(name: str = "W47-PALM", amount: int = 123_400, **other: Any) -> Instruction:
    told: dict[str, Any] = {"payer": HOUSE, "payee": PALM, "digits": 2, "currency": "EUR", "value_date": DAY}
    return Instruction(id=name, amount=amount, **{**told, **other})


def document(version: str, inside: str) -> bytes:
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return f'{head}<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{version}">{inside}</Document>'.encode()


def amount(value: str, currency: str = "EUR") -> str:
    return f'<Amt Ccy="{currency}">{value}</Amt>'


def payment(
    name: str | None, value: str | None = None, *, currency: str = "EUR", way: str = "", back: str = "", payer: str = ""
) -> str:
    """One TxDtls; `back` is the reason of a return, `payer` what stands in the Id of the debtor's account."""
    told = f"<Refs><EndToEndId>{name}</EndToEndId></Refs>" if name else ""
    told += amount(value, currency) if value else ""
    told += f"<CdtDbtInd>{way}</CdtDbtInd>" if way else ""
    told += f"<RltdPties><DbtrAcct><Id>{payer}</Id></DbtrAcct></RltdPties>" if payer else ""
    told += f"<RtrInf><Rsn><Cd>{back}</Cd></Rsn></RtrInf>" if back else ""
    return f"<TxDtls>{told}</TxDtls>"


def entry(
    value: str,
    *payments: str,
    way: str = "DBIT",
    status: str = "BOOK",
    currency: str = "EUR",
    middle: str = "",
    day: str = DAY.isoformat(),
) -> str:
    """One Ntry; `middle` goes where RvslInd goes."""
    details = f"<NtryDtls>{''.join(payments)}</NtryDtls>" if payments else ""
    return (
        f"<Ntry>{amount(value, currency)}<CdtDbtInd>{way}</CdtDbtInd>{middle}<Sts><Cd>{status}</Cd></Sts>"
        f"<BookgDt><Dt>{day}</Dt></BookgDt><ValDt><DtTm>2026-11-20T01:00:00+01:00</DtTm></ValDt>"
        f"<AcctSvcrRef>B-1</AcctSvcrRef><BkTxCd/>{details}</Ntry>"
    )


def balance(code: str, value: str, *, way: str = "CRDT", currency: str = "EUR") -> str:
    kind = f"<Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
    return f"<Bal>{kind}{amount(value, currency)}<CdtDbtInd>{way}</CdtDbtInd><Dt><Dt>2026-11-20</Dt></Dt></Bal>"


IBAN = "<IBAN>NL91ABNA0417164300</IBAN>"


def header(message: str) -> str:
    return f"<GrpHdr><MsgId>{message}</MsgId><CreDtTm>2026-11-20T20:00:00Z</CreDtTm></GrpHdr>"


def statement(
    *entries: str,
    opening: str = "10000.00",
    closing: str,
    message: str = "M-1",
    name: str = "S-1",
    sequence: int = 47,
    account: str = IBAN,
) -> bytes:
    """A camt.053 of one account."""
    balances = balance("OPBD", opening) + balance("CLBD", closing)
    told = f"<Id>{name}</Id><ElctrncSeqNb>{sequence}</ElctrncSeqNb><Acct><Id>{account}</Id></Acct>{balances}"
    return document(
        "camt.053.001.08", f"<BkToCstmrStmt>{header(message)}<Stmt>{told}{''.join(entries)}</Stmt></BkToCstmrStmt>"
    )


def notification(*entries: str, message: str = "N-1", account: str = IBAN) -> bytes:
    """A camt.054 of one account."""
    told = f"<Id>{message}</Id><Acct><Id>{account}</Id></Acct>{''.join(entries)}"
    name = "BkToCstmrDbtCdtNtfctn"
    return document("camt.054.001.08", f"<{name}>{header(message)}<Ntfctn>{told}</Ntfctn></{name}>")


def status(name: str, word: str, reason: str = "", value: str = "", currency: str = "EUR") -> str:
    """One TxInfAndSts of a pain.002."""
    why = f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>" if reason else ""
    told = f'<OrgnlTxRef><Amt><InstdAmt Ccy="{currency}">{value}</InstdAmt></Amt></OrgnlTxRef>' if value else ""
    return f"<TxInfAndSts><OrgnlEndToEndId>{name}</OrgnlEndToEndId><TxSts>{word}</TxSts>{why}{told}</TxInfAndSts>"


def answer(
    *statuses: str,
    group: str = "",
    batch: tuple[str, str] = ("", ""),
    message: str = "A-1",
    to: str = "P-1",
    reason: str = "",
) -> bytes:
    """A pain.002 that answers message `to`; `batch` is the id and the status of a payment information."""
    why = f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>" if reason else ""
    whole = f"<GrpSts>{group}</GrpSts>{why}" if group else ""
    name, word = batch
    inner = f"<PmtInfSts>{word}</PmtInfSts>" if word else ""
    told = f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{name or 'P-1-1'}</OrgnlPmtInfId>{inner}{''.join(statuses)}</OrgnlPmtInfAndSts>"
    original = f"<OrgnlMsgId>{to}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>"
    inside = f"{header(message)}<OrgnlGrpInfAndSts>{original}{whole}</OrgnlGrpInfAndSts>"
    more = told if statuses or name else ""
    return document("pain.002.001.10", f"<CstmrPmtStsRpt>{inside}{more}</CstmrPmtStsRpt>")


def table(header_line: str, *lines: Sequence[str] | str) -> bytes:
    """A CSV."""
    return "\r\n".join([header_line, *(line if isinstance(line, str) else ",".join(line) for line in lines)]).encode()

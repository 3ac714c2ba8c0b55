"""Laws of what a bank says: read exactly or refused, in one exact version, and its own sums must hold."""

from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing import errors
from settlement.files.bankfile import Balance, Booking, Direction, plain
from settlement.files.confirmations import read
from settlement.files.money import micros
from settlement.files.parties import Account
from settlement.rules.money import written
from tests.files.bank import amount, answer, balance, document, entry, header, notification, payment, statement, status


def test_a_statement_is_read_entry_by_entry() -> None:
    back = entry("50", payment("W46-FIG", back="AC04"), way="CRDT", middle="<RvslInd>true</RvslInd>")
    waiting = entry("7.00", status="PDNG")
    found = read(statement(entry("1234.00", payment("W47-PALM")), back, waiting, closing="8816.00"))
    assert (found.version, found.message_id, found.created_at) == ("camt.053.001.08", "M-1", "2026-11-20T20:00:00Z")
    (told,) = found.statements
    assert (told.id, told.sequence, told.account) == ("S-1", "47", Account("NL91ABNA0417164300"))
    assert told.balance == Balance(10_000_000_000, 8_816_000_000, "EUR")
    paid, returned, pending = told.entries
    assert (paid.amount, paid.currency, paid.direction) == (1_234_000_000, "EUR", Direction.DEBIT)
    assert (paid.booking_date, paid.value_date) == (date(2026, 11, 20), date(2026, 11, 20))
    assert (paid.booking, paid.reversal, paid.reference) == (Booking.BOOKED, False, "B-1")
    assert (paid.details[0].end_to_end_id, paid.details[0].amount) == ("W47-PALM", 1_234_000_000)
    assert (returned.reversal, returned.details[0].returned, returned.details[0].reason) == (True, True, "AC04")
    assert (pending.booking, pending.details) == (Booking.PENDING, ())
    assert found.findings == ()


def test_a_batch_that_is_booked_in_one_sum_is_read_payment_by_payment() -> None:
    batch = entry("30.00", payment("a", "10.00"), payment("b", "25.00"), payment("c", "5.00", way="CRDT"))
    (told,) = read(statement(batch, closing="9970.00")).statements
    assert [(each.end_to_end_id, each.amount, each.direction) for each in told.entries[0].details] == [
        ("a", 10_000_000, Direction.DEBIT),
        ("b", 25_000_000, Direction.DEBIT),
        ("c", 5_000_000, Direction.CREDIT),
    ]
    assert told.findings == ()


def test_a_payment_of_several_has_only_the_amount_that_is_said_of_it() -> None:
    inside = f"<TxDtls><AmtDtls><TxAmt>{amount('10.00')}</TxAmt></AmtDtls></TxDtls>"
    (told,) = read(notification(entry("30.00", inside, payment("b")))).statements
    assert [each.amount for each in told.entries[0].details] == [10_000_000, None]
    assert [each.end_to_end_id for each in told.entries[0].details] == ["", "b"]


def test_not_provided_is_no_id() -> None:
    (told,) = read(notification(entry("30.00", payment("NOTPROVIDED")))).statements
    assert told.entries[0].details[0].end_to_end_id == ""


CENTS = st.integers(1, 10**12)


@given(
    st.integers(0, 10**14),
    st.lists(st.tuples(CENTS, st.sampled_from(Direction), st.sampled_from(Booking)), max_size=6),
    st.integers(-5, 5),
)
def test_opening_and_what_is_booked_make_closing_or_the_difference_is_told(
    start: int, moves: list[tuple[int, Direction, Booking]], off: int
) -> None:
    """Pending, future and informing entries move nothing."""
    booked = sum(way.signed(value) for value, way, booking in moves if booking is Booking.BOOKED)
    end = start + booked + off
    entries = [entry(written(value, 2), way=way, status=booking) for value, way, booking in moves]
    told = balance("OPBD", written(start, 2)) + balance(
        "CLBD", written(abs(end), 2), way="CRDT" if end >= 0 else "DBIT"
    )
    acct = "<Acct><Id><Othr><Id>1</Id></Othr></Id></Acct>"
    body = f"<BkToCstmrStmt>{header('M')}<Stmt><Id>S-1</Id>{acct}{told}{''.join(entries)}</Stmt></BkToCstmrStmt>"
    found = read(document("camt.053.001.08", body))
    assert found.statements[0].difference == off * 10_000
    sentence = f"statement S-1: opening + entries and closing are {plain(off * 10_000)} EUR apart"
    assert found.findings == ((sentence,) if off else ())


def test_a_closing_balance_one_cent_off_is_told_with_the_cent() -> None:
    found = read(statement(entry("1234.00", payment("W47-PALM")), closing="8766.01"))
    assert found.findings == ("statement S-1: opening + entries and closing are 0.01 EUR apart",)


def test_an_overdrawn_account_counts_below_zero() -> None:
    told = balance("PRCD", "100.00", way="DBIT") + balance("CLBD", "130.00", way="DBIT") + entry("30.00")
    acct = "<Acct><Id><Othr><Id>0532-77</Id></Othr></Id></Acct>"
    body = f"<BkToCstmrStmt>{header('M')}<Stmt><Id>S</Id>{acct}{told}</Stmt></BkToCstmrStmt>"
    (found,) = read(document("camt.053.001.08", body)).statements
    assert (found.balance, found.findings) == (Balance(-100_000_000, -130_000_000, "EUR"), ())
    assert found.account == Account("0532-77", iban=False)


def test_details_that_do_not_make_their_entry_are_told_unless_charges_explain_it() -> None:
    short = entry("30.00", payment("a", "10.00"), payment("b", "15.00"))
    assert read(statement(short, closing="9970.00")).findings == (
        "statement S-1: entry 1 and its details are -5.00 EUR apart",
    )
    charged = short.replace("<NtryDtls>", "<Chrgs/><NtryDtls>")
    assert read(statement(charged, closing="9970.00")).findings == ()


def test_an_entry_in_another_currency_than_its_statement_is_told() -> None:
    found = read(statement(entry("30.00", currency="USD"), closing="9970.00"))
    assert found.findings == ("statement S-1: entry 1 is in USD, not EUR",)


def test_an_answer_is_read_for_the_message_its_batches_and_its_payments() -> None:
    one, other = status("a", "RJCT", "AC04"), status("b", "ACSP", value="12.34")
    found = read(answer(one, other, group="PART", batch=("P-1-1", "PART"), reason="MS03"))
    assert (found.answered, found.statements) == ("P-1", ())
    assert [(each.name, each.whole, each.word, each.reason) for each in found.statuses] == [
        ("P-1", True, "PART", "MS03"),
        ("P-1-1", True, "PART", ""),
        ("a", False, "RJCT", "AC04"),
        ("b", False, "ACSP", ""),
    ]
    assert [each.amount for each in found.statuses] == [None, None, None, 12_340_000]


def test_a_payment_with_a_reason_alone_has_the_status_of_its_batch_or_message_and_without_one_is_refused() -> None:
    bare = status("a", "X", "AC04").replace("<TxSts>X</TxSts>", "")
    assert read(answer(bare, batch=("P-1-1", "RJCT"))).statuses[-1].word == "RJCT"
    assert read(answer(bare, group="RJCT")).statuses[-1].word == "RJCT"
    with pytest.raises(errors.ValidationFailed, match="TxSts is missing"):
        read(answer(bare))


# --- one file is one file


def test_a_file_laid_out_anew_has_the_same_fingerprint_and_says_the_same() -> None:
    body = statement(entry("1234.00", payment("W47-PALM")), closing="8766.00")
    other = (
        body.replace(b"><", b">\n  <")
        .replace(b'<Document xmlns="', b'<Document  xmlns="')
        .replace(b"8766.00", b"08766.000")
    )
    assert other != body
    assert read(other).fingerprint == read(body).fingerprint
    assert read(other).content == read(body).content


def test_message_account_and_sequence_each_make_another_file() -> None:
    other = "<Othr><Id>0532-77</Id></Othr>"
    changes: list[dict[str, Any]] = [{}, {"message": "M-2"}, {"sequence": 48}, {"name": "S-2"}, {"account": other}]
    files = [read(statement(closing="10000.00", **changed)).fingerprint for changed in changes]
    assert len(set(files)) == 5
    assert read(answer(group="ACCP")).fingerprint != read(answer(group="ACCP", to="P-2")).fingerprint


# --- what is refused

FINE = statement(entry("1234.00", payment("W47-PALM", "1234.00")), closing="8766.00")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("camt.053.001.08", "camt.053.001.02", "camt.053.001.02 is not read here; camt.053.001.08, camt.054.001.08"),
        ("camt.053.001.08", "camt.053.001.11", "camt.053.001.11 is not read here"),
        ("camt.053.001.08", "camt.052.001.08", "camt.052.001.08 is not read here"),
        ("camt.053.001.08", "camt.054.001.08", "camt.054.001.08 holds BkToCstmrDbtCdtNtfctn and nothing else"),
        ("camt.053.001.08", "a-b", "this message is not read here"),
        ("<MsgId>M-1</MsgId>", "", "GrpHdr/MsgId is missing"),
        ("<MsgId>M-1</MsgId>", "<MsgId> </MsgId>", "GrpHdr/MsgId is empty"),
        ("<MsgId>M-1</MsgId>", "<MsgId>M</MsgId><MsgId>M</MsgId>", "MsgId is there 2 times"),
        ("<MsgId>M-1</MsgId>", "<MsgId>M<b/>1</MsgId>", "MsgId holds elements"),
        ("<Id>S-1</Id>", "", "Id is missing in Stmt"),
        ("NL91ABNA0417164300", "NL92ABNA0417164300", "an IBAN is not one"),
        ("<IBAN>NL91ABNA0417164300</IBAN>", "", "Acct/Id/Othr/Id is missing"),
        ("OPBD", "CLAV", "one opening"),
        ("CLBD", "ITBD", "one closing"),
        ("CLBD", "OPBD", "balance OPBD is there twice"),
        ("<Bal>", balance("PRCD", "9999.99") + "<Bal>", "one opening"),
        ('<Amt Ccy="EUR">8766.00', '<Amt Ccy="USD">8766.00', "opens in EUR and closes in USD"),
        ('<Amt Ccy="EUR">8766.00', "<Amt>8766.00", "no currency"),
        ('<Amt Ccy="EUR">8766.00', '<Amt Ccy="eur">8766.00', "no currency"),
        ("8766.00", "-8766.00", "plain decimal"),
        ("8766.00", "8.766,00", "plain decimal"),
        ("8766.00", "8766.000001", "plain decimal"),
        ("8766.00", "8766e2", "plain decimal"),
        ("8766.00", "", "plain decimal"),
        ("8766.00", ".", "plain decimal"),
        ("8766.00", "1234567890123456789", "plain decimal"),
        ("8766.00", "٨٧٦٦", "plain decimal"),
        ("8766.00", "NaN", "plain decimal"),
        ("DBIT", "DEBIT", "CdtDbtInd is CRDT or DBIT"),
        ("<CdtDbtInd>DBIT</CdtDbtInd>", "", "CdtDbtInd is missing in Ntry"),
        ("<Cd>BOOK</Cd>", "<Cd>DONE</Cd>", "Sts/Cd is one of BOOK, PDNG"),
        ("<Cd>BOOK</Cd>", "<Prtry>DONE</Prtry>", "Sts/Cd is missing"),
        ("<Sts>", "<RvslInd>yes</RvslInd><Sts>", "RvslInd is true or false"),
        ("<BookgDt><Dt>2026-11-20", "<BookgDt><Dt>2026-11-31", "a date is not one"),
        ("<BookgDt><Dt>2026-11-20", "<BookgDt><Dt>20.11.2026", "a date is not one"),
    ],
)
def test_what_is_not_exactly_a_statement_is_refused_by_name(old: str, new: str, told: str) -> None:
    assert read(FINE).findings == ()
    body = FINE.decode().replace(old, new, 1)
    assert body.encode() != FINE
    with pytest.raises(errors.ValidationFailed) as refused:
        read(body.encode())
    assert told in refused.value.detail


def test_a_file_without_an_account_and_a_statement_twice_in_one_file_do_not_hold() -> None:
    with pytest.raises(errors.ValidationFailed, match="holds no account"):
        read(document("camt.053.001.08", f"<BkToCstmrStmt>{header('M')}</BkToCstmrStmt>"))
    body = statement(closing="10000.00").decode()
    first, last = body.index("<Stmt>"), body.index("</BkToCstmrStmt>")
    doubled = body[:last] + body[first:last] + body[last:]
    assert read(doubled.encode()).findings == ("statement S-1 is there 2 times",)


# --- amounts


@given(st.integers(0, 10**13 - 1), st.integers(0, 10**5 - 1))
def test_an_amount_is_read_exactly_and_written_as_it_was(whole: int, fraction: int) -> None:
    text = f"{whole}.{fraction:05d}"
    found = micros(text)
    assert Fraction(found, 10**6) == Fraction(text)
    assert Fraction(plain(found)) == Fraction(text)
    assert Fraction(plain(-found)) == -Fraction(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [("12.34", 12_340_000), ("12", 12_000_000), ("12.", 12_000_000), (".5", 500_000), ("+1.00", 1_000_000), ("0", 0)],
)
def test_every_form_of_a_decimal_of_the_schema_is_read(text: str, found: int) -> None:
    assert micros(text) == found


def test_the_largest_amount_of_the_schema_loses_nothing() -> None:
    assert plain(micros("9999999999999.99999")) == "9999999999999.99999"
    assert plain(micros("999999999999999999")) == "999999999999999999.00"

"""Laws of payments out: schema and sums hold, the same instructions are the same bytes, and no bank is sent a riddle."""

import random
from datetime import date, datetime, timedelta
from fractions import Fraction
from importlib import resources
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from clearing import errors
from settlement.files.parties import LETTERS, Account, Party, iban_holds, latin
from settlement.files.payments import Instruction, batches, message_id, pain001, sent
from tests.files.bank import DAY, HOUSE, LOTUS, NOON, PALM, instruction

SPACE = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"
SCHEMA = etree.XMLSchema(
    etree.fromstring(resources.files("sepaxml").joinpath("schemas", "pain.001.001.09.xsd").read_bytes())
)


def written(*instructions: Instruction, **other: Any) -> bytes:
    told: dict[str, Any] = {"message": "P-1", "created_at": NOON, "initiator": "Points House", "debtor": HOUSE}
    return pain001(instructions, **{**told, **other})


def texts(body: bytes, name: str) -> list[str]:
    return [each.text or "" for each in etree.fromstring(body).iter(SPACE + name)]


def german(number: int) -> str:
    """A German IBAN with right check digits, made by the rule itself."""
    inner = f"{number:018d}"
    return f"DE{98 - int(inner + '131400') % 97:02d}{inner}"


NAMES = st.text(st.sampled_from(sorted(LETTERS - {" "}) + list("äéñøßŁ&ç")), min_size=1, max_size=70)
ACCOUNTS = st.one_of(
    st.integers(0, 10**18 - 1).map(lambda number: Account(german(number))),
    st.text(st.sampled_from("0123456789ABC-"), min_size=1, max_size=34).map(lambda text: Account(text, iban=False)),
)
PLACES = st.sampled_from([("", ""), ("Singapore", "SG"), ("São Paulo", "BR")])
DIGITS = {"EUR": 2, "JPY": 0, "KWD": 3, "UYW": 4}


@st.composite
def instructed(draw: st.DrawFn) -> Instruction:
    place = draw(PLACES)
    payee = Party(draw(NAMES), draw(ACCOUNTS), *place, draw(st.sampled_from(["", "DEUTDEFF", "DEUTDEFF500"])))
    currency = draw(st.sampled_from(sorted(DIGITS)))
    name = draw(st.text(st.sampled_from("ABCxyz019-.:()+,?'"), min_size=1, max_size=35))
    day = DAY + timedelta(days=draw(st.integers(0, 3)))
    whole = draw(st.integers(1, 10**11))
    said = draw(st.sampled_from(["", "window W47", "Übertrag & mehr"]))
    return Instruction(name, HOUSE, payee, whole, DIGITS[currency], currency, day, said)


MANY = st.lists(instructed(), min_size=1, max_size=8, unique_by=lambda each: each.id)


@settings(deadline=None, max_examples=60)
@given(MANY, st.randoms(use_true_random=False))
def test_any_instructions_are_valid_under_the_official_schema_and_their_order_does_not_matter(
    many: list[Instruction], luck: random.Random
) -> None:
    body = written(*many)
    SCHEMA.assertValid(etree.fromstring(body))
    mixed = list(many)
    luck.shuffle(mixed)
    assert written(*mixed) == body
    assert message_id(mixed) == message_id(many)


@settings(deadline=None, max_examples=60)
@given(MANY)
def test_what_is_written_is_what_was_instructed_and_the_sums_are_its_sums(many: list[Instruction]) -> None:
    root = etree.fromstring(written(*many))
    found = {}
    for transfer in root.iter(SPACE + "CdtTrfTxInf"):
        amount = transfer.find(f"{SPACE}Amt/{SPACE}InstdAmt")
        assert amount is not None
        assert amount.text is not None
        found[transfer.findtext(f"{SPACE}PmtId/{SPACE}EndToEndId")] = (Fraction(amount.text), amount.get("Ccy"))
        assert len(amount.text.partition(".")[2]) == DIGITS[str(amount.get("Ccy"))]
    assert found == {each.id: (Fraction(each.amount, 10**each.digits), each.currency) for each in many}
    for part in [root, *root.iter(SPACE + "PmtInf")]:
        header = part.find(f"*/{SPACE}GrpHdr") if part is root else part
        assert header is not None
        inside = list(part.iter(SPACE + "InstdAmt"))
        assert header.findtext(SPACE + "NbOfTxs") == str(len(inside))
        assert Fraction(header.findtext(SPACE + "CtrlSum") or "") == sum(Fraction(each.text or "") for each in inside)


def test_g26_two_thousand_transfers_of_12_34_sum_to_24_680_00() -> None:
    body = written(*(instruction(f"W47-{number:04d}", 1_234) for number in range(2_000)))
    SCHEMA.assertValid(etree.fromstring(body))
    assert texts(body, "CtrlSum") == ["24680.00", "24680.00"]
    assert texts(body, "NbOfTxs") == ["2000", "2000"]
    assert texts(body, "InstdAmt") == ["12.34"] * 2_000
    assert len(set(texts(body, "EndToEndId"))) == 2_000


def test_one_payment_is_written_word_for_word() -> None:
    payee = Party("Café Møller & Söhne", Account("DE89370400440532013000"), "München", "DE", "DEUTDEFF")
    body = written(instruction(payee=payee, remittance="Window W47 – net"))
    assert (
        b"""<CdtTrfTxInf>
        <PmtId>
          <InstrId>W47-PALM</InstrId>
          <EndToEndId>W47-PALM</EndToEndId>
        </PmtId>
        <Amt>
          <InstdAmt Ccy="EUR">1234.00</InstdAmt>
        </Amt>
        <CdtrAgt>
          <FinInstnId>
            <BICFI>DEUTDEFF</BICFI>
          </FinInstnId>
        </CdtrAgt>
        <Cdtr>
          <Nm>Cafe Moller + Sohne</Nm>
          <PstlAdr>
            <TwnNm>Munchen</TwnNm>
            <Ctry>DE</Ctry>
          </PstlAdr>
        </Cdtr>
        <CdtrAcct>
          <Id>
            <IBAN>DE89370400440532013000</IBAN>
          </Id>
        </CdtrAcct>
        <RmtInf>
          <Ustrd>Window W47 - net</Ustrd>
        </RmtInf>
      </CdtTrfTxInf>"""
        in body
    )
    assert texts(body, "BtchBookg") == ["false"]
    assert texts(body, "CreDtTm") == ["2026-11-19T12:00:00+00:00"]


def test_another_account_than_an_iban_goes_out_as_such_and_no_address_line_ever_does() -> None:
    body = written(instruction(payee=LOTUS))
    assert b"<Othr>\n              <Id>0532-77</Id>" in body
    assert b"AdrLine" not in body


def test_each_day_and_currency_is_a_batch_with_an_id_of_its_own_and_names_who_is_in_it() -> None:
    later = instruction("b", value_date=date(2026, 11, 23))
    yen = instruction("c", currency="JPY", digits=0)
    many = [later, yen, instruction("a")]
    assert [(each.id, each.value_date, each.currency) for each in batches(many, "P-1")] == [
        ("P-1-1", DAY, "EUR"),
        ("P-1-2", DAY, "JPY"),
        ("P-1-3", date(2026, 11, 23), "EUR"),
    ]
    assert texts(written(*many), "PmtInfId") == ["P-1-1", "P-1-2", "P-1-3"]
    assert texts(written(*many), "CtrlSum") == ["125868.00", "1234.00", "123400", "1234.00"]
    assert sent(many, "P-1") == {"P-1": ("a", "b", "c"), "P-1-1": ("a",), "P-1-2": ("c",), "P-1-3": ("b",)}


def test_the_message_id_is_made_of_who_gets_what_and_of_nothing_else() -> None:
    one = message_id([instruction()])
    assert len(one) == 30
    assert message_id([instruction(value_date=date(2026, 12, 1), remittance="again")]) == one
    others = (instruction("x"), instruction(amount=1), instruction(currency="USD"), instruction(payee=LOTUS))
    assert len({one, *(message_id([each]) for each in others)}) == 5


def test_a_sepa_transfer_says_so_and_its_charges_follow_the_service_level() -> None:
    body = written(instruction(), service_level="SEPA")
    SCHEMA.assertValid(etree.fromstring(body))
    assert b"<SvcLvl>\n          <Cd>SEPA</Cd>" in body
    assert texts(body, "ChrgBr") == ["SLEV"]
    for strange in (
        instruction(payee=LOTUS),
        instruction(currency="USD"),
        instruction(amount=100_000_000_000),
    ):
        with pytest.raises(errors.ValidationFailed, match="SEPA is euros"):
            written(strange, service_level="SEPA")


@pytest.mark.parametrize(
    ("many", "other", "told"),
    [
        ((), {}, "nothing to pay"),
        ((instruction(), instruction(amount=5)), {}, "W47-PALM: its id is there twice"),
        ((instruction("a"), instruction("b", digits=3)), {}, "b: EUR has other digits than before"),
        ((instruction(payer=PALM),), {}, "its payer is not the debtor"),
        ((instruction(payee=Party("Palm Hotels")),), {}, "needs an account"),
        ((instruction(payee=HOUSE),), {}, "an account of its own"),
        ((instruction(),), {"debtor": Party("Points House")}, "debtor needs an account"),
        ((instruction(),), {"message": "x" * 31}, "message id: 1 to 30"),
        ((instruction(),), {"message": "a//b"}, "double slash"),
        ((instruction(),), {"created_at": datetime(2026, 11, 19)}, "offset from UTC"),  # noqa: DTZ001 - what is refused
        ((instruction(),), {"initiator": "里程"}, r"initiator: U\+91CC is not in the Latin set"),
        ((instruction(),), {"service_level": "URGP"}, "SEPA or none"),
    ],
)
def test_what_no_bank_should_be_sent_is_refused_by_name(
    many: tuple[Instruction, ...], other: dict[str, Any], told: str
) -> None:
    with pytest.raises(errors.ValidationFailed, match=told):
        written(*many, **other)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("name", "x" * 36, "1 to 35 characters"),
        ("name", "", "1 to 35"),
        ("name", "NOTPROVIDED", "means none"),
        ("name", "/a", "no slash"),
        ("name", "a/", "no slash"),
        ("name", "a//b", "no double slash"),
        ("name", "käse", "Latin set"),  # an id is never changed, so that it comes back as it went
        ("name", "a\n", "Latin set"),
        ("amount", 0, "more than none"),
        ("amount", -1, "more than none"),
        ("amount", 2**53, "more than none"),
        ("digits", 5, "more than none"),
        ("digits", -1, "more than none"),
        ("currency", "eur", "three capital letters"),
        ("currency", "EURO", "three capital letters"),
        ("remittance", "x" * 141, "1 to 140"),
        ("remittance", "謝謝", "not in the Latin set"),
        ("remittance", "a\tb", r"U\+0009 is not"),
    ],
)
def test_an_instruction_is_whole_and_plain_or_is_none(field: str, value: Any, told: str) -> None:
    with pytest.raises(errors.ValidationFailed, match=told):
        instruction(**{field: value})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("",), "name: 1 to 70"),
        (("x" * 71,), "name: 1 to 70"),
        ((" x",), "no space at an end"),
        (("航空",), "not in the Latin set"),
        (("Palm @ Sea",), r"U\+0040"),
        (("x", None, "Utrecht"), "town and country, or nothing"),
        (("x", None, "", "NL"), "town and country, or nothing"),
        (("x", None, "Utrecht", "nl"), "two capital letters"),
        (("x", None, "x" * 36, "NL"), "town: 1 to 35"),
        (("x", None, "", "", "ABNA"), "8 or 11"),
    ],
)
def test_a_party_is_written_as_banks_take_it_or_refused(words: tuple[Any, ...], told: str) -> None:
    with pytest.raises(errors.ValidationFailed, match=told):
        Party(*words)


def test_letters_lose_their_marks_and_only_what_the_best_practice_names_changes() -> None:
    assert latin("Äöü ßÆø Łódź Đ & ’–", "name", 70) == "Aou sAo Lodz D + '-"
    assert latin("e\u0301", "name", 70) == "e"
    for strange in ("a_b", "a;b", "a@b", 'a"b', "a€b", "Ω", "Ж", "한", "\u200b", "🙂"):
        with pytest.raises(errors.ValidationFailed):
            latin(strange, "name", 70)


@given(st.integers(0, 10**18 - 1), st.integers(0, 21), st.integers(1, 9))
def test_an_iban_with_any_one_digit_changed_is_none(number: int, place: int, step: int) -> None:
    good = german(number)
    assert iban_holds(good)
    if good[place].isdigit():
        other = str((int(good[place]) + step) % 10)
        assert not iban_holds(good[:place] + other + good[place + 1 :])


def test_known_ibans_hold_and_what_only_looks_like_one_does_not() -> None:
    for good in ("GB82WEST12345698765432", "NL91ABNA0417164300", "NO9386011117947", "MT84MALT011000012345MTLCAST001S"):
        assert iban_holds(good)
    for bad in (
        "",
        "GB82 WEST 1234 5698 7654 32",
        "gb82west12345698765432",
        "GB82WEST12345698765433",
        "NL91",
        "12345678901234567",
    ):
        assert not iban_holds(bad)
        with pytest.raises(errors.ValidationFailed):
            Account(bad)
    with pytest.raises(errors.ValidationFailed, match="account: 1 to 34"):
        Account("x" * 35, iban=False)

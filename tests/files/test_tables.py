"""Laws of tables: a rate set and instructions are read exactly or refused with the line."""

from datetime import UTC, date, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing import errors
from clearing.rules.units import Ratio
from settlement.files import sheets
from settlement.files.instructed import instructions
from settlement.files.parties import Account, Party
from settlement.files.payments import Instruction
from settlement.files.rates import RateSet, listed, rate_set, valued
from settlement.rules.listing import read_rates
from settlement.rules.money import Refused
from tests.files.bank import DAY, HOUSE, table

COLUMNS = "source,date,published_at,currency,rate"
ECB = "ECB,2026-11-20,2026-11-20T16:00:00+01:00"


def test_a_rate_set_is_read_as_exact_fractions() -> None:
    found = rate_set(table(COLUMNS, f"{ECB},USD,1.0850", f"{ECB},JPY,163", f"{ECB},IDR,17000.123456789"))
    assert (found.source, found.date) == ("ECB", date(2026, 11, 20))
    assert found.published_at == datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
    assert found.rates == (
        ("IDR", Ratio(17_000_123_456_789, 10**9)),
        ("JPY", Ratio(163, 1)),
        ("USD", Ratio(10_850, 10_000)),
    )


@given(st.integers(0, 10**9 - 1), st.integers(1, 9), st.data())
def test_a_rate_is_its_publishers_decimal_and_nothing_near_it(whole: int, digits: int, data: st.DataObject) -> None:
    fraction = data.draw(st.integers(0 if whole else 1, 10**digits - 1))
    ((_, rate),) = rate_set(table(COLUMNS, f"{ECB},USD,{whole}.{fraction:0{digits}d}")).rates
    assert rate == Ratio(whole * 10**digits + fraction, 10**digits)


def of_ecb(*rates: tuple[str, int, int]) -> RateSet:
    told = tuple((currency, Ratio(num, den)) for currency, num, den in rates)
    return RateSet("ECB", date(2026, 11, 20), datetime(2026, 11, 20, 15, tzinfo=UTC), told)


def test_a_table_is_turned_into_what_one_unit_is_worth_by_hand() -> None:
    """1 EUR is 1.0850 USD and 163 JPY: 1 USD is 0.92 EUR, and 150.23 JPY."""
    found = of_ecb(("JPY", 163, 1), ("USD", 10_850, 10_000))
    assert valued(found, "EUR", "EUR") == (("EUR", "1"), ("JPY", "0.006134969325"), ("USD", "0.921658986175"))
    assert valued(found, "EUR", "USD") == (("EUR", "1.085"), ("JPY", "0.006656441718"), ("USD", "1"))
    assert valued(of_ecb(("EUR", 1, 1), ("XAU", 1, 4_000)), "EUR", "EUR") == (("EUR", "1"), ("XAU", "4000"))
    assert listed(valued(found, "EUR", "USD")).splitlines()[:2] == [b"currency,rate", b"EUR,1.085"]


@pytest.mark.parametrize(
    ("base", "unit", "told"),
    [
        ("USD", "USD", "USD is the base of the table, and the table has another rate than 1 for it"),
        ("EUR", "GBP", "the table has no rate of GBP"),
        ("eur", "USD", "the base is a currency: three capital letters"),
        ("EUR", "EUR", "one ZWL is worth less of EUR than 12 decimals can say"),
    ],
)
def test_a_table_that_cannot_be_turned_says_why(base: str, unit: str, told: str) -> None:
    found = of_ecb(("USD", 10_850, 10_000), ("ZWL", 10**9 - 1, 1), ("ZZZ", 1, 10**9))
    with pytest.raises(errors.ValidationFailed) as refused:
        valued(of_ecb(*[(c, r.num * (10**4 if c == "ZWL" else 1), r.den) for c, r in found.rates]), base, unit)
    assert refused.value.detail == told


RATES = st.builds(Ratio, st.integers(1, 10**9), st.sampled_from([1, 10, 10**4, 10**6]))


@given(st.dictionaries(st.sampled_from(["USD", "JPY", "GBP", "CHF", "SEK"]), RATES, min_size=1), st.data())
def test_what_is_written_is_what_publish_reads_and_within_half_a_last_digit_of_exact(
    rates: dict[str, Ratio], data: st.DataObject
) -> None:
    unit = data.draw(st.sampled_from(["EUR", *rates]))
    found = of_ecb(*[(currency, rate.num, rate.den) for currency, rate in rates.items()])
    exact = {"EUR": Fraction(1)} | {currency: Fraction(rate.den, rate.num) for currency, rate in rates.items()}
    try:
        text = listed(valued(found, "EUR", unit)).decode()
    except errors.ValidationFailed:
        assert min(exact.values()) / exact[unit] < Fraction(1, 2 * 10**12)
        return
    read = read_rates(text, dict.fromkeys(exact, 2), unit)
    assert not isinstance(read, Refused), read
    assert read.values.keys() == exact.keys()
    for currency, value in read.values.items():
        assert abs(Fraction(value.num, value.den) - exact[currency] / exact[unit]) <= Fraction(1, 2 * 10**12)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ((f"{ECB},USD,1.1", f"{ECB},USD,1.1"), "line 3: currency: three capital letters, each once"),
        ((f"{ECB},usd,1.1",), "line 2: currency"),
        ((f"{ECB},USD,1,1",), "line 2: 6 cells under 5 columns"),
        ((f"{ECB},USD",), "line 2: 4 cells under 5 columns"),
        (("", f"{ECB},USD,1.1"), "line 2: 0 cells under 5 columns"),
        ((f"{ECB},USD, 1.1",), "line 2: a cell has white space"),
        ((f"{ECB},USD,0",), "line 2: rate: plain decimal text above zero"),
        ((f"{ECB},USD,0.000",), "line 2: rate"),
        ((f"{ECB},USD,-1",), "line 2: rate"),
        ((f"{ECB},USD,1e2",), "line 2: rate"),
        ((f"{ECB},USD,.5",), "line 2: rate"),
        ((f"{ECB},USD,NaN",), "line 2: rate"),
        ((f"{ECB},USD,１.１",), "line 2: rate"),
        ((f"{ECB},USD,1.0000000001",), "line 2: rate"),
        ((f'{ECB},USD,"1,085"',), "line 2: rate"),
        ((f"{ECB},USD,1.1", f"{ECB.replace('ECB', 'FED')},JPY,163"), "line 3: one table is one set"),
        ((f"{ECB},USD,1.1", f"{ECB.replace('2026-11-20,', '2026-11-19,')},JPY,163"), "line 3: one table is one set"),
        ((f"{ECB},USD,1.1", f"{ECB.replace('16:00', '16:01')},JPY,163"), "line 3: one table is one set"),
        (("E CB,2026-11-20,2026-11-20T16:00:00Z,USD,1.1",), "line 2: source"),
        (("ECB,2026-02-30,2026-11-20T16:00:00Z,USD,1.1",), "line 2: date"),
        (("ECB,20261120,2026-11-20T16:00:00Z,USD,1.1",), "line 2: date"),
        (("ECB,2026-11-20,2026-11-20T16:00:00,USD,1.1",), "line 2: published_at"),
        (("ECB,2026-11-20,now,USD,1.1",), "line 2: published_at"),
        ((), "no line below its header"),
    ],
)
def test_what_is_no_rate_set_is_refused_with_its_line(lines: tuple[str, ...], told: str) -> None:
    with pytest.raises(errors.ValidationFailed) as refused:
        rate_set(table(COLUMNS, *lines))
    assert told in refused.value.detail


@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        (b"", errors.ValidationFailed, "the table has the columns source, date"),
        (b"source,date\r\n", errors.ValidationFailed, "the table has the columns"),
        (table(COLUMNS + ",note", f"{ECB},USD,1,x"), errors.ValidationFailed, "the table has the columns"),
        (table(COLUMNS + ",rate", f"{ECB},USD,1,1"), errors.ValidationFailed, "the table has the columns"),
        (b"\xff\xfe", errors.RequestMalformed, "not UTF-8"),
        (table(COLUMNS, f'{ECB},USD,"1'), errors.RequestMalformed, "not CSV"),
        (b"x" * (sheets.SIZE_MAX + 1), errors.BodyTooLarge, "at most 16,777,216 bytes"),
    ],
)
def test_what_is_no_table_is_refused(body: bytes, kind: type[errors.ClearingError], told: str) -> None:
    with pytest.raises(kind) as refused:
        rate_set(body)
    assert told in refused.value.detail


def test_columns_may_stand_in_any_order_and_a_byte_order_mark_is_no_letter() -> None:
    body = "\ufeffrate,currency,source,published_at,date\n1.1,USD,ECB,2026-11-20T15:00:00Z,2026-11-20\n".encode()
    assert rate_set(body) == rate_set(table(COLUMNS, f"{ECB},USD,1.1"))


# --- instructions

DIGITS = {"EUR": 2, "JPY": 0, "KWD": 3}
IBAN = "DE89370400440532013000"


def read(*lines: str, columns: str = "id,payee,amount,currency,iban") -> tuple[Instruction, ...]:
    return instructions(table(columns, *lines), HOUSE, DAY, lambda currency: DIGITS[currency])


def test_instructions_are_read_line_by_line() -> None:
    columns = "id,payee,amount,currency,iban,account,bic,town,country,remittance"
    found = read(
        "a,Palm Hotels,12.3,EUR,DE89 3704 0044 0532 0130 00,,DEUTDEFF,,,W47",
        'b,"Lotus Air, Ltd",1200,JPY,,0532-77,,Singapore,SG,',
        columns=columns,
    )
    assert found == (
        Instruction("a", HOUSE, Party("Palm Hotels", Account(IBAN), bic="DEUTDEFF"), 1_230, 2, "EUR", DAY, "W47"),
        Instruction(
            "b",
            HOUSE,
            Party("Lotus Air, Ltd", Account("0532-77", iban=False), "Singapore", "SG"),
            1_200,
            0,
            "JPY",
            DAY,
        ),
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f"a,Palm,12.345,EUR,{IBAN}", "line 2: amount: plain decimal text with at most 2 digits"),
        (f"a,Palm,12.0,JPY,{IBAN}", "line 2: amount: plain decimal text with at most 0 digits"),
        (f"a,Palm,1.2345,KWD,{IBAN}", "line 2: amount"),
        (f"a,Palm,-1,EUR,{IBAN}", "line 2: amount"),
        (f'a,Palm,"1,200.00",EUR,{IBAN}', "line 2: amount"),
        (f"a,Palm,1e3,EUR,{IBAN}", "line 2: amount"),
        (f"a,Palm,,EUR,{IBAN}", "line 2: amount"),
        (f"a,Palm,0.00,EUR,{IBAN}", "line 2: instruction a: the amount is"),
        ("a,Palm,1,EUR,DE89370400440532013001", "line 2: an IBAN is not one"),
        ("a,Palm,1,EUR,", "line 2: one of iban and account"),
        (f",Palm,1,EUR,{IBAN}", "line 2: instruction id"),
        (f"a,,1,EUR,{IBAN}", "line 2: name"),
    ],
)
def test_an_instruction_that_cannot_be_paid_as_written_is_refused_with_its_line(line: str, told: str) -> None:
    with pytest.raises(errors.ValidationFailed) as refused:
        read(line)
    assert told in refused.value.detail


def test_an_id_stands_in_a_table_once() -> None:
    with pytest.raises(errors.ValidationFailed, match="instruction b: its id is there twice"):
        read(f"a,Palm,1,EUR,{IBAN}", f"b,Palm,1,EUR,{IBAN}", f"b,Palm,2,EUR,{IBAN}")

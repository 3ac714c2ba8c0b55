"""Laws of matching: id, amount and currency; what differs is named and blocks; the same file twice has one effect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.files.bankfile import BankFile, Direction
from settlement.files.confirmations import read
from settlement.files.confirming import Difference, Match, Outcome, Said, State, match
from settlement.files.parties import Party
from settlement.files.payments import Instruction, sent
from settlement.rules.money import written
from tests.files.bank import HOUSE, LOTUS, answer, entry, instruction, notification, payment, statement, status

OURS = instruction()
NAME = OURS.id
PAY_IN = instruction("W47-LOTUS", payer=LOTUS, payee=HOUSE)


def paid(value: str = "1234.00", name: str = NAME, **other: str) -> str:
    return entry(value, payment(name), **other)


def seen(*bodies: bytes, ours: tuple[Instruction, ...] = (OURS,)) -> Match:
    return match(ours, [read(body) for body in bodies], sent(ours, "P-1"))


def only(*bodies: bytes, ours: Instruction = OURS) -> Outcome:
    (found,) = seen(*bodies, ours=(ours,)).outcomes
    return found


BOOKED = notification(paid())


def test_what_is_booked_as_instructed_is_confirmed_by_that_file() -> None:
    found = seen(BOOKED)
    assert found.outcomes == (Outcome(NAME, State.CONFIRMED, sources=(read(BOOKED).fingerprint,)),)
    assert (found.unknown, found.findings, found.repeated, found.blocked) == ((), (), (), False)


def test_what_no_file_speaks_of_is_silent_and_does_not_block() -> None:
    assert only() == Outcome(NAME, State.SILENT)
    assert not seen().blocked


def test_a_pay_in_is_confirmed_when_it_comes_to_the_house() -> None:
    assert only(notification(paid(name="W47-LOTUS", way="CRDT")), ours=PAY_IN).state is State.CONFIRMED


def test_each_payment_of_a_batch_is_matched_by_itself() -> None:
    ours = tuple(instruction(f"W47-{place}", 100 * place) for place in (1, 2, 3))
    whole = entry("7.00", payment("W47-1", "1.00"), payment("W47-2", "2.00"), payment("W47-3", "4.00"))
    found = seen(statement(whole, closing="9993.00"), ours=ours)
    assert [each.state for each in found.outcomes] == [State.CONFIRMED, State.CONFIRMED, State.DIFFERS]
    assert found.outcomes[2].differences == (Difference("amount", "3.00", "4.00"),)


OTHER_ACCOUNT = "<IBAN>GB82WEST12345698765432</IBAN>"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (notification(paid("1233.99")), ("amount", "1234.00", "1233.99")),
        (notification(paid("1234.00001")), ("amount", "1234.00", "1234.00001")),
        (notification(entry("2000.00", payment(NAME), payment("other", "766.00"))), ("amount", "1234.00", "not said")),
        (notification(entry("1234.00", payment(NAME), currency="USD")), ("currency", "EUR", "USD")),
        (notification(paid(way="CRDT")), ("direction", "DBIT", "CRDT")),
        (notification(paid(way="DBIT", middle="<RvslInd>true</RvslInd>")), ("direction", "CRDT", "DBIT")),
        (
            notification(paid(), account=OTHER_ACCOUNT),
            ("account", "NL91ABNA0417164300 or DE89370400440532013000", "GB82WEST12345698765432"),
        ),
        (notification(paid(), paid()), ("doubled", "1", "2 booked in camt.054.001.08")),
        (statement(paid(), paid(), paid(), closing="6298.00"), ("doubled", "1", "3 booked in camt.053.001.08")),
        (notification(paid("1.00", status="PDNG")), ("amount", "1234.00", "1.00")),
        (answer(status(NAME, "ACSP", value="1.00")), ("amount", "1234.00", "1.00")),
        (answer(status(NAME, "ACSP", value="1234.00", currency="USD")), ("currency", "EUR", "USD")),
    ],
)
def test_every_mismatch_is_named_in_both_sides_words_and_blocks(body: bytes, told: tuple[str, str, str]) -> None:
    found = seen(body)
    (outcome,) = found.outcomes
    assert (outcome.state, outcome.differences) == (State.DIFFERS, (Difference(*told),))
    assert found.blocked


def test_all_that_differs_is_told_at_once() -> None:
    found = only(notification(entry("1.00", payment(NAME), currency="USD", way="CRDT")))
    assert [each.what for each in found.differences] == ["amount", "currency", "direction"]


def test_two_statements_that_book_the_same_payment_double_it() -> None:
    first, second = (
        statement(paid(), closing="8766.00"),
        statement(paid(), closing="8766.00", message="M-2", sequence=48),
    )
    assert [each.what for each in only(first, second).differences] == ["doubled"]


def test_a_notification_and_the_statement_after_it_tell_one_booking() -> None:
    found = only(BOOKED, statement(paid(), closing="8766.00"))
    assert found.state is State.CONFIRMED
    assert len(found.sources) == 2


def test_what_is_not_booked_yet_confirms_nothing() -> None:
    assert only(notification(paid(status="PDNG"))).state is State.PENDING
    assert only(notification(paid(status="FUTR"))).state is State.PENDING
    assert only(notification(paid(status="INFO"))).state is State.SILENT
    assert only(notification(paid(status="PDNG"), message="N-2"), BOOKED).state is State.CONFIRMED
    for word in ("ACTC", "ACCP", "ACSP", "ACSC", "PDNG"):
        assert only(answer(status(NAME, word))) == Outcome(
            NAME, State.PENDING, word, (), only(answer(status(NAME, word))).sources
        )


def test_a_rejection_carries_the_banks_reason() -> None:
    found = only(answer(status(NAME, "RJCT", "AC04")))
    assert (found.state, found.reason) == (State.REJECTED, "AC04")
    assert only(answer(status(NAME, "RJCT"))).reason == "RJCT"
    assert only(answer(status(NAME, "ACTC")), answer(status(NAME, "RJCT", "AM04"), message="A-2")).reason == "AM04"


def test_what_is_rejected_as_a_whole_is_rejected_in_every_part() -> None:
    ours = (instruction("a"), instruction("b"), instruction("c", currency="USD"))
    whole = seen(answer(group="RJCT", reason="FF01"), ours=ours)
    assert [(each.state, each.reason) for each in whole.outcomes] == [(State.REJECTED, "FF01")] * 3
    batch = seen(answer(batch=("P-1-1", "RJCT")), ours=ours)
    assert [each.state for each in batch.outcomes] == [State.REJECTED, State.REJECTED, State.SILENT]
    why = seen(answer(status("a", "RJCT", "AC04"), batch=("P-1-1", "RJCT")), ours=ours)
    assert [each.reason for each in why.outcomes] == ["AC04", "RJCT", ""]
    stranger = seen(answer(group="RJCT", to="P-2"), ours=ours)
    assert [each.state for each in stranger.outcomes] == [State.SILENT] * 3
    assert [(each.id, each.said) for each in stranger.unknown] == [("P-2", Said.REJECTED)]


def test_what_comes_back_is_rejected_with_the_reason_of_the_return() -> None:
    back = entry("1234.00", payment(NAME, back="AC04"), way="CRDT")
    found = seen(BOOKED, notification(back, message="N-2"))
    assert (found.outcomes[0].state, found.outcomes[0].reason, found.blocked) == (State.REJECTED, "AC04", False)
    assert only(notification(paid(way="CRDT", middle="<RvslInd>1</RvslInd>"))).reason == "returned"
    assert only(notification(back.replace("BOOK", "PDNG"))).state is State.PENDING
    assert only(notification(entry("1230.00", payment(NAME, back="AC04"), way="CRDT"))).state is State.DIFFERS
    assert only(notification(back, back)).differences == (Difference("doubled", "1", "2 returned in camt.054.001.08"),)


@pytest.mark.parametrize("settled", [BOOKED, answer(status(NAME, "ACSC"), message="A-2")])
def test_rejected_and_settled_cannot_both_be_true(settled: bytes) -> None:
    found = seen(answer(status(NAME, "RJCT", "AC04")), settled)
    assert found.outcomes[0].differences == (Difference("status", "one end", "rejected and settled"),)
    assert found.blocked


def test_payments_that_are_not_ours_are_told_and_do_not_block() -> None:
    found = seen(notification(paid(), entry("3.00"), paid("5.00", "STRANGER", way="CRDT")))
    assert [(each.id, each.amount, each.direction) for each in found.unknown] == [
        ("", 3_000_000, Direction.DEBIT),
        ("STRANGER", 5_000_000, Direction.CREDIT),
    ]
    assert not found.blocked


def test_an_account_that_was_not_told_is_not_compared() -> None:
    anyone = instruction(payer=Party("payer"))
    assert only(notification(paid(), account=OTHER_ACCOUNT), ours=anyone).state is State.CONFIRMED


# --- once


def test_the_same_file_twice_has_one_effect() -> None:
    once, twice = seen(BOOKED), seen(BOOKED, BOOKED.replace(b"><", b">\n<"))
    assert twice.outcomes == once.outcomes
    assert twice.repeated == (read(BOOKED).fingerprint,)
    assert not twice.blocked


def test_the_same_statement_in_another_message_has_one_effect() -> None:
    again = statement(paid(), closing="8766.00", message="M-2")
    found = seen(statement(paid(), closing="8766.00"), again)
    assert found.outcomes[0].state is State.CONFIRMED
    assert found.repeated == (read(again).fingerprint,)


@pytest.mark.parametrize(("message", "told"), [("M-1", "message M-1 came twice"), ("M-2", "statement S-1 came twice")])
def test_a_file_that_came_before_and_now_says_something_else_blocks(message: str, told: str) -> None:
    other = statement(paid("1233.00"), closing="8767.00", message=message)
    found = seen(statement(paid(), closing="8766.00"), other)
    assert found.findings == (f"{told} and does not say the same",)
    assert found.outcomes[0].state is State.CONFIRMED
    assert found.blocked


def test_a_statement_whose_balances_do_not_hold_confirms_nothing_and_blocks() -> None:
    found = seen(statement(paid(), closing="8766.01"))
    assert found.outcomes[0].state is State.SILENT
    assert found.findings == ("statement S-1: opening + entries and closing are 0.01 EUR apart",)
    assert found.blocked


AMOUNTS = st.lists(st.integers(1, 10**11), min_size=1, max_size=6)


@given(AMOUNTS, st.data())
def test_in_any_order_and_any_number_of_copies_the_files_have_the_same_effect(
    amounts: list[int], data: st.DataObject
) -> None:
    ours = tuple(instruction(f"W47-{place}", value) for place, value in enumerate(amounts))
    bodies = [
        notification(
            entry(written(each.amount + data.draw(st.sampled_from([0, 0, 1])), 2), payment(each.id)),
            message=f"N-{each.id}",
        )
        for each in ours
    ]
    files: list[BankFile] = [read(body) for body in bodies]
    mixed = data.draw(st.permutations(files + data.draw(st.lists(st.sampled_from(files), max_size=4))))
    assert match(ours, mixed).outcomes == match(ours, files).outcomes
    assert match(ours, mixed).blocked == match(ours, files).blocked


def test_minor_units_of_every_currency_meet_the_banks_decimals() -> None:
    for currency, digits, whole, text in (
        ("JPY", 0, 1_200, "1200"),
        ("KWD", 3, 1_234, "1.234"),
        ("UYW", 4, 1, "0.0001"),
    ):
        ours = instruction(currency=currency, digits=digits, amount=whole)
        assert only(notification(entry(text, payment(NAME), currency=currency)), ours=ours).state is State.CONFIRMED

"""Laws of the table of postings: every event adds up to zero in every unit, and a reversal takes everything back."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.rules.lifecycle import TRANSITIONS, Event, Path
from clearing.rules.postings import (
    IN_WINDOW,
    LATE_CREDIT,
    RULES,
    Account,
    Entry,
    Owners,
    account_number,
    book,
    entries,
)
from clearing.rules.rates import Terms, portion

OWNERS = st.builds(Owners, *[st.integers(1, 9)] * 2, *[st.integers(1, 9)] * 2).filter(
    lambda owners: owners.source_program != owners.target_program
)


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    sent, received = draw(st.integers(1, 10**9)), draw(st.integers(1, 10**9))
    credit, margin, rounding = draw(st.integers(0, 10**9)), draw(st.integers(0, 10**9)), draw(st.integers(0, 2))
    return Terms(sent, received, credit + margin + rounding, 0, credit, margin + rounding, rounding)


def sums(found: Iterable[Entry]) -> dict[object, int]:
    """What is left in each unit: the points of each program, and value."""
    left: Counter[object] = Counter()
    for entry in found:
        owner, kind = divmod(entry.account, 16)
        left["value" if kind >= Account.POSITION else owner] += entry.amount
    return {unit: amount for unit, amount in left.items() if amount}


def balances(found: Iterable[Entry]) -> dict[int, int]:
    left: Counter[int] = Counter()
    for entry in found:
        left[entry.account] += entry.amount
    return {account: amount for account, amount in left.items() if amount}


@given(terms(), OWNERS)
def test_every_event_of_every_path_adds_up_to_zero_in_every_unit(of: Terms, owners: Owners) -> None:
    for path in Path:
        for event in Event:
            found = entries(path, event, of, owners)
            assert sums(found) == {}
            assert all(entry.amount for entry in found)
    assert sums(book(LATE_CREDIT, of, owners)) == {}


WAYS = {
    Path.HELD: (Event.TAKEN, Event.GIVEN, Event.KEPT),
    Path.DEBITED: (Event.TAKEN, Event.GIVEN),
    Path.REVERSAL: (Event.TAKEN, Event.GIVEN),
}


@given(terms(), OWNERS, st.sampled_from((Path.HELD, Path.DEBITED)), st.data())
def test_an_exchange_and_its_reversals_leave_every_account_at_zero(
    of: Terms, owners: Owners, path: Path, data: st.DataObject
) -> None:
    booked = [entry for event in WAYS[path] for entry in entries(path, event, of, owners)]
    marks = sorted({0, of.sent, *data.draw(st.lists(st.integers(1, of.sent), max_size=3))})
    for before, after in pairwise(marks):
        part = portion(of, before, after)
        booked += [entry for event in WAYS[Path.REVERSAL] for entry in entries(Path.REVERSAL, event, part, owners)]
    assert balances(booked) == {}


@given(terms(), OWNERS)
def test_what_is_taken_and_given_back_leaves_every_account_at_zero(of: Terms, owners: Owners) -> None:
    for taken in (Event.TAKEN, Event.TAKEN_IN_VAIN):
        booked = [*entries(Path.DEBITED, taken, of, owners), *entries(Path.DEBITED, Event.RETURNED, of, owners)]
        assert balances(booked) == {}


@pytest.mark.parametrize("path", list(Path))
def test_value_is_booked_in_windows_and_only_there(path: Path) -> None:
    for event in Event:
        rules = RULES.get((path, event), ())
        assert any(rule.account >= Account.POSITION for rule in rules) == ((path, event) in IN_WINDOW)


def test_only_events_that_can_happen_book_anything() -> None:
    possible = {(path, event) for path, table in TRANSITIONS.items() for row in table.values() for event in row}
    assert RULES.keys() <= possible
    assert RULES.keys() >= IN_WINDOW


def test_no_two_accounts_share_a_number() -> None:
    numbers = [account_number(owner, account) for owner in range(100) for account in Account]
    assert len(set(numbers)) == len(numbers)

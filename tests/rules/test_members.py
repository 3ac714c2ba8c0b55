"""Laws of links: ages in whole days, what stands against a link, one card per account, mergers, and what a consent covers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.rules.members import (
    Consent,
    Ended,
    Link,
    Scope,
    age_refusal,
    card_refusal,
    consent_refusal,
    fate_in_merger,
    fits_from,
    link_refusal,
    member_refusal,
    whole_days,
)
from clearing.rules.refusals import RefusalCode

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
PALM, LOTUS, SHOP = "palm", "lotus", "shop"
PARTIES = frozenset({PALM, LOTUS})
CONSENT = Consent(("exchange",), (LOTUS, SHOP), PALM, "key", UUID(int=9), NOW)


def joined(source: int, target: int, **changes: object) -> Link:
    """A link of account `source` in hotel and account `target` in air."""
    made = Link(0, UUID(int=100 * source + target), "hotel", UUID(int=source), "air", UUID(int=target), False, NOW)
    return replace(made, **changes)  # type: ignore[arg-type]


# --- age


@given(days=st.integers(0, 40_000), second=st.integers(0, 2**32), micro=st.integers(-(10**9), 10**9))
def test_old_enough_begins_exactly_at_the_instant_that_is_told(days: int, second: int, micro: int) -> None:
    since = datetime.fromtimestamp(second, UTC)
    then = fits_from(since, days)
    at = then + timedelta(microseconds=micro)
    assert (whole_days(since, at) >= days) == (at >= then)


@pytest.mark.parametrize(
    ("since", "at", "days"),
    [
        (NOW, NOW, 0),
        (NOW, NOW + timedelta(days=1) - timedelta(microseconds=1), 0),
        (NOW, NOW + timedelta(days=1), 1),
        (NOW, NOW + timedelta(days=90), 90),
        (NOW, NOW - timedelta(microseconds=1), -1),
    ],
)
def test_days_are_whole(since: datetime, at: datetime, days: int) -> None:
    assert whole_days(since, at) == days


def test_what_is_too_young_is_told_from_when_on_it_fits() -> None:
    refusal = age_refusal(RefusalCode.LINK_TOO_NEW, "the link", NOW, 30, NOW + timedelta(days=29, hours=23))
    assert refusal is not None
    assert (refusal.code, refusal.fits_from) == ("link_too_new", NOW + timedelta(days=30))
    assert age_refusal(RefusalCode.LINK_TOO_NEW, "the link", NOW, 30, NOW + timedelta(days=30)) is None
    assert age_refusal(RefusalCode.LINK_TOO_NEW, "the link", NOW, 0, NOW) is None


# --- members


@pytest.mark.parametrize(
    ("status", "match", "code"),
    [
        ("active", None, None),
        ("active", "match", None),
        ("active", "partial", None),
        ("active", "mismatch", "name_mismatch"),
        ("frozen", "match", "member_not_active"),
        ("closed", "mismatch", "member_not_active"),
        ("unknown", None, "member_unknown"),
        ("anything else", None, "member_not_active"),
    ],
)
def test_a_members_refusals(status: str, match: str | None, code: str | None) -> None:
    refusal = member_refusal(status, match)
    assert (None if refusal is None else refusal.code) == code


# --- one card per account


@pytest.mark.parametrize(
    ("live", "one_card", "side"),
    [
        ([], True, None),
        ([joined(1, 8)], True, "source"),
        ([joined(7, 2)], True, "target"),
        ([joined(1, 8)], False, None),
        ([joined(1, 8, one_card=True)], False, "source"),
        ([joined(7, 8)], True, None),
        ([joined(1, 2)], True, None),
        ([joined(1, 8, target_program="rail")], True, None),
    ],
)
def test_one_card_is_one_account_of_the_other_program(live: list[Link], *, one_card: bool, side: str | None) -> None:
    refusal = card_refusal(joined(1, 2, one_card=one_card), live)
    assert (None if refusal is None else (refusal.code, refusal.side)) == (side and ("already_linked", side))


def test_one_card_counts_in_both_directions() -> None:
    back = Link(0, UUID(int=5), "air", UUID(int=8), "hotel", UUID(int=1), True, NOW)
    refusal = card_refusal(joined(1, 2, one_card=True), [back])
    assert refusal is not None
    assert refusal.side == "source"


# --- mergers: account 1 of hotel is merged into account 3


@pytest.mark.parametrize(
    ("held", "one_card", "fate"),
    [
        ([], True, None),
        ([joined(3, 2)], False, Ended.ALREADY_LINKED),
        ([joined(3, 8)], False, None),
        ([joined(3, 8)], True, Ended.ALREADY_LINKED),
        ([joined(3, 8, one_card=True)], False, Ended.ALREADY_LINKED),
        ([joined(3, 8, target_program="rail")], True, None),
    ],
)
def test_a_merger_moves_a_link_unless_the_rules_would_be_broken(
    held: list[Link], *, one_card: bool, fate: Ended | None
) -> None:
    assert fate_in_merger(joined(1, 2, one_card=one_card), UUID(int=1), UUID(int=3), held) == fate


def test_a_merger_keeps_a_link_of_the_other_direction() -> None:
    back = Link(0, UUID(int=5), "air", UUID(int=2), "hotel", UUID(int=3), True, NOW)
    assert fate_in_merger(joined(1, 2, one_card=True), UUID(int=1), UUID(int=3), [back]) is None
    there = Link(0, UUID(int=6), "air", UUID(int=2), "hotel", UUID(int=1), True, NOW)
    assert fate_in_merger(there, UUID(int=1), UUID(int=3), [back]) is Ended.ALREADY_LINKED


# --- consent


@pytest.mark.parametrize(
    ("link", "caller", "code"),
    [
        (None, LOTUS, "not_your_member"),
        (joined(1, 2), LOTUS, "not_your_member"),
        (joined(1, 2, consent=CONSENT), LOTUS, None),
        (joined(1, 2, consent=CONSENT), SHOP, None),
        (joined(1, 2, consent=CONSENT), "stranger", "not_your_member"),
        (joined(1, 2, consent=replace(CONSENT, channels=(SHOP,))), LOTUS, "consent_missing"),
        (joined(1, 2, consent=replace(CONSENT, scope=("accrual", "redemption"))), SHOP, "consent_missing"),
        (joined(1, 2, consent=replace(CONSENT, withdrawn_at=NOW)), SHOP, "consent_missing"),
        (joined(1, 2, consent=CONSENT, ended_at=NOW, ended_reason="unlinked"), SHOP, "consent_missing"),
    ],
)
def test_who_may_exchange_another_partners_points(link: Link | None, caller: str, code: str | None) -> None:
    refusal = consent_refusal(link, caller, PARTIES)
    assert (None if refusal is None else refusal.code) == code


@given(st.sets(st.sampled_from(list(Scope)), min_size=1), st.sets(st.sampled_from([PALM, LOTUS, SHOP]), min_size=1))
def test_a_consent_covers_exactly_what_it_names(scope: set[Scope], channels: set[str]) -> None:
    link = joined(1, 2, consent=replace(CONSENT, scope=tuple(scope), channels=tuple(channels)))
    for wanted in Scope:
        for channel in (PALM, LOTUS, SHOP):
            assert link.covers(wanted, channel) == (wanted in scope and channel in channels)


@pytest.mark.parametrize(
    ("link", "days", "code"),
    [
        (None, 0, "not_linked"),
        (joined(1, 2, ended_at=NOW, ended_reason="unlinked"), 0, "not_linked"),
        (joined(1, 2), 0, None),
        (joined(1, 2), 1, "link_too_new"),
        (joined(1, 2, linked_at=NOW - timedelta(days=1)), 1, None),
    ],
)
def test_a_rule_of_links_wants_a_link_that_is_old_enough(link: Link | None, days: int, code: str | None) -> None:
    refusal = link_refusal(link, days, NOW)
    assert (None if refusal is None else refusal.code) == code

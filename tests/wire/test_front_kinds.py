"""What one partner does alone, over the wire with real programs: issued, spent, held and captured, undone; and what is refused."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from clearing.front.app import create_app
from tests.wire.front_room import Front
from tests.wire.kinds_room import (
    NOBODY,
    WAIT,
    accrual,
    accrued,
    ago,
    consented,
    findings,
    has,
    member,
    owes,
    proves,
    receipt_number,
    redeemed,
    reverse,
)
from tests.wire.test_front_doors import validator

ISSUE, SPEND = 9_000, 3_500  # millionths for a mile issued, for a hotel's point spent


@pytest.fixture(scope="module", autouse=True)
def _books_add_up(front: Front) -> Iterator[None]:
    yield
    assert findings(front) == []


# --- issued


def test_an_accrual_is_owed_for_by_the_shop_and_to_the_program(front: Front) -> None:
    account = member(front)
    before, had = owes(front, "corner", "lotus"), has(front, "lotus-air", account)
    said = accrued(front, account, reference="receipt 7", occurred_at="2026-01-02T03:04:05+01:00")
    validator(create_app().openapi(), "ExchangeSaid").validate(said)
    assert (said["kind"], said["path"], said["source"], said["reference"]) == ("accrual", "issued", None, "receipt 7")
    assert said["occurred_at"] == "2026-01-02T02:04:05Z"
    assert said["target"] == {"program": "lotus-air", "account": account, "amount": 400}
    assert owes(front, "corner", "lotus") == [before[0] + 400 * ISSUE, before[1] - 400 * ISSUE]
    assert has(front, "lotus-air", account) == had + 400
    assert proves(front, said, "corner")


def test_an_accrual_costs_what_it_costs_today_whenever_it_happened(front: Front) -> None:
    old, new = (accrued(front, member(front), occurred_at=ago(**when)) for when in ({"days": 300}, {"minutes": 1}))
    assert (old["debit"], old["terms_version"]) == (new["debit"], new["terms_version"])


def test_a_purchase_needs_no_receipt(front: Front) -> None:
    wish = {"account": member(front), "units": 50, "kind": "purchase"}
    said = front.ask("POST", "/v1/accruals", wish, key="corner", headers=WAIT).json
    assert (said["kind"], said["state"], said["debit"], said["reference"]) == (
        "purchase",
        "completed",
        50 * ISSUE,
        None,
    )
    assert reverse(front, said["exchange"], None).json["state"] == "completed"


def test_a_partner_issues_its_own_programs_points_without_a_channel(front: Front) -> None:
    wish = accrual(member(front), 10)
    assert front.ask("POST", "/v1/accruals", wish, key="lotus", headers=WAIT).json["state"] == "completed"


@pytest.mark.parametrize("parts", [(None,), (133, None), (1, 2, None)])
def test_what_was_issued_is_clawed_back_in_parts_and_to_the_last_millionth(
    front: Front, parts: tuple[int | None, ...]
) -> None:
    account = member(front)
    before, had = owes(front, "corner", "lotus"), has(front, "lotus-air", account)
    said = accrued(front, account)
    for part in parts:
        back = reverse(front, said["exchange"], part)
        assert (back.status, back.json["path"], back.json["state"]) == (201, "clawback", "completed"), back.body
        assert (back.json["kind"], back.json["original"], back.json["shortfall"]) == ("accrual", said["exchange"], 0)
        assert proves(front, back.json, "corner")
    assert (owes(front, "corner", "lotus"), has(front, "lotus-air", account)) == (before, had)
    assert reverse(front, said["exchange"], 1).code == "reversal_exceeds"
    assert front.ask("GET", f"/v1/exchanges/{said['exchange']}", key="corner").json["reversed"] == 400


def test_a_claw_back_of_points_that_were_spent_is_refused_and_everything_stays(front: Front) -> None:
    said = accrued(front, member(front), 1_937, key="stand")  # the sandbox: a reversal of …937 units finds them spent
    before = owes(front, "stand", "lotus")
    back = reverse(front, said["exchange"], None, key="stand").json
    assert (back["state"], back["reason"], back["shortfall"]) == ("reversed", "lotus-air: points_spent", 0)
    assert owes(front, "stand", "lotus") == before
    assert front.ask("GET", f"/v1/exchanges/{said['exchange']}", key="stand").json["reversed"] == 0


def test_a_program_that_bears_the_shortfall_gives_the_value_back_all_the_same(front: Front) -> None:
    account, before = member(front, "palm-hotels"), owes(front, "corner", "palm")
    said = accrued(front, account, 1_937)
    had = has(front, "palm-hotels", account)
    back = reverse(front, said["exchange"], None).json
    assert (back["state"], back["reason"], back["shortfall"]) == ("completed", "palm-hotels: points_spent", 1_937)
    assert back["bearer"] == "program"
    assert (owes(front, "corner", "palm"), has(front, "palm-hotels", account)) == (before, had)


def test_a_partner_that_bears_the_shortfall_pays_for_it_and_the_sale_is_returned(front: Front) -> None:
    account = member(front)
    said = accrued(front, account, 1_937, key="booth")
    before, had = owes(front, "booth", "lotus"), has(front, "lotus-air", account)
    back = reverse(front, said["exchange"], None, key="booth").json
    assert (back["state"], back["bearer"], back["shortfall"]) == ("completed", "partner", 1_937)
    assert (owes(front, "booth", "lotus"), has(front, "lotus-air", account)) == (
        before,
        had,
    )  # there is no fee to give back
    assert proves(front, back, "booth")
    assert reverse(front, said["exchange"], 1, key="booth").code == "reversal_exceeds"


def test_an_exchange_is_borne_by_its_target_too(front: Front) -> None:
    before = owes(front, "palm", "lotus")
    done = front.completed(1_937 * 3)
    back = reverse(front, done["exchange"], None, key="palm").json
    assert (back["state"], back["shortfall"]) == ("completed", 1_937)
    assert owes(front, "palm", "lotus") == before


def test_nobody_speaks_in_a_programs_name(front: Front) -> None:
    said = accrued(front, member(front))
    back = reverse(front, said["exchange"], None, reason="lotus-air: points_spent")
    assert (back.status, back.code) == (422, "validation_failed")


# --- spent


@pytest.mark.parametrize("parts", [(None,), (1, 600, None)])
def test_a_redemption_is_owed_to_the_shop_and_undone(front: Front, parts: tuple[int | None, ...]) -> None:
    account = consented(front, "corner")
    before, had = owes(front, "corner", "palm"), has(front, "palm-hotels", account)
    said = redeemed(front, account, reference=receipt_number(), occurred_at=ago(minutes=1))
    assert (said["kind"], said["path"], said["state"], said["target"]) == ("redemption", "charged", "completed", None)
    assert said["source"] == {"program": "palm-hotels", "account": account, "amount": 900}
    assert owes(front, "corner", "palm") == [before[0] - 900 * SPEND, before[1] + 900 * SPEND]
    assert has(front, "palm-hotels", account) == had - 900
    assert proves(front, said, "corner")
    for part in parts:
        back = reverse(front, said["exchange"], part).json
        assert (back["path"], back["state"]) == ("refund", "completed")
        validator(create_app().openapi(), "ExchangeSaid").validate(back)
        assert proves(front, back, "corner")
    assert (owes(front, "corner", "palm"), has(front, "palm-hotels", account)) == (before, had)


def test_held_points_are_captured_in_part_and_the_rest_goes_back(front: Front) -> None:
    account = consented(front, "corner")
    before, had = owes(front, "corner", "palm"), has(front, "palm-hotels", account)
    held = redeemed(front, account, capture="later")
    assert (held["path"], held["state"], held["held"], held["captured"]) == ("authorised", "source_held", 900, 0)
    assert held["capture_by"] > held["reserved_at"]
    validator(create_app().openapi(), "ExchangeSaid").validate(held)
    at = f"/v1/redemptions/{held['exchange']}/capture"
    refused = front.ask("POST", at, {"points": 901}, key="corner")
    assert (refused.status, refused.code) == (422, "capture_exceeds")
    taken = front.ask("POST", at, {"points": 333}, key="corner", headers=WAIT)
    assert (taken.status, taken.json["state"], taken.json["captured"]) == (200, "completed", 333)
    assert (taken.json["source"]["amount"], taken.json["debit"], taken.json["held"]) == (333, 333 * SPEND, 0)
    assert owes(front, "corner", "palm") == [before[0] - 333 * SPEND, before[1] + 333 * SPEND]
    assert has(front, "palm-hotels", account) == had - 333
    again = front.ask("POST", at, {"points": 333}, key="corner")
    assert (again.status, again.json) == (200, taken.json)
    assert front.ask("POST", at, {"points": 300}, key="corner").code == "not_held"
    assert proves(front, taken.json, "corner")
    assert reverse(front, held["exchange"], 334).code == "reversal_exceeds"
    assert [reverse(front, held["exchange"], part).json["state"] for part in (133, None)] == ["completed"] * 2
    assert (owes(front, "corner", "palm"), has(front, "palm-hotels", account)) == (before, had)


def test_held_points_are_given_back_when_the_shop_cancels(front: Front) -> None:
    account = consented(front, "corner")
    before, had = owes(front, "corner", "palm"), has(front, "palm-hotels", account)
    held = redeemed(front, account, capture="later")
    stopped = front.ask("POST", f"/v1/exchanges/{held['exchange']}/cancel", {}, key="corner", headers=WAIT).json
    assert (stopped["state"], stopped["held"], stopped["captured"]) == ("reversed", 0, 0)
    assert (owes(front, "corner", "palm"), has(front, "palm-hotels", account)) == (before, had)
    refused = front.ask("POST", f"/v1/redemptions/{held['exchange']}/capture", {"points": 1}, key="corner")
    assert (refused.status, refused.code) == (409, "not_held")


def test_only_a_hold_is_captured_and_only_by_whose_it_is(front: Front) -> None:
    issued = accrued(front, member(front))["exchange"]
    held = redeemed(front, consented(front, "corner"), capture="later")["exchange"]
    for exchange, key in ((issued, "corner"), (held, "lotus"), (held, "palm"), (NOBODY, "corner")):
        answer = front.ask("POST", f"/v1/redemptions/{exchange}/capture", {"points": 1}, key=key)
        assert (answer.status, answer.code) == (404, "not_found")
    front.ask("POST", f"/v1/exchanges/{held}/cancel", {}, key="corner", headers=WAIT)


# --- said again


def test_a_wish_said_again_has_one_effect_and_the_same_receipt(front: Front) -> None:
    account, name = member(front), secrets.token_hex(8)
    had, wish = has(front, "lotus-air", account), accrual(account)
    first, again = (front.ask("POST", "/v1/accruals", wish, key="corner", name=name, headers=WAIT) for _ in range(2))
    assert (first.status, again.status, again.headers["idempotency-replayed"]) == (201, 200, "true")
    assert again.json == first.json
    assert has(front, "lotus-air", account) == had + 400
    other = front.ask("POST", "/v1/accruals", wish | {"units": 401}, key="corner", name=name)
    assert (other.status, other.code) == (422, "idempotency_key_reused")


def test_what_was_granted_stands_when_it_would_not_be_granted_any_more(front: Front) -> None:
    account, name = member(front), secrets.token_hex(8)
    wish = accrual(account)
    first = front.ask("POST", "/v1/accruals", wish, key="corner", name=name, headers=WAIT)
    assert front.ask("POST", f"/v1/accounts/{account}/closed", {}, key="lotus").status == 200
    again = front.ask("POST", "/v1/accruals", wish, key="corner", name=name)
    assert (again.status, again.json, again.headers["idempotency-replayed"]) == (200, first.json, "true")
    other = front.ask("POST", "/v1/accruals", wish | {"units": 401}, key="corner", name=name)
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    fresh = front.ask("POST", "/v1/accruals", accrual(account), key="corner")
    assert (fresh.status, fresh.code, fresh.json["side"]) == (409, "account_closed", "target")


def test_without_waiting_the_answer_is_that_it_is_under_way(front: Front) -> None:
    answer = front.ask("POST", "/v1/accruals", accrual(member(front)), key="corner")
    assert (answer.status, answer.json["state"]) == (202, "reserved")
    ended = front.ask("GET", f"/v1/exchanges/{answer.json['exchange']}", key="corner", headers=WAIT)
    assert ended.json["state"] == "completed"


# --- refused

ISSUES: list[tuple[str, str, str, dict[str, Any], int, str]] = [
    ("no receipt number", "lotus-air", "corner", {"reference": None}, 422, "validation_failed"),
    ("no instant", "lotus-air", "corner", {"occurred_at": None}, 422, "validation_failed"),
    (
        "an instant without a zone",
        "lotus-air",
        "corner",
        {"occurred_at": "2026-01-02T03:04:05"},
        422,
        "validation_failed",
    ),
    ("an empty receipt number", "lotus-air", "corner", {"reference": " "}, 422, "validation_failed"),
    ("zero units", "lotus-air", "corner", {"units": 0}, 422, "validation_failed"),
    ("a fraction", "lotus-air", "corner", {"units": 1.5}, 422, "validation_failed"),
    ("2^53", "lotus-air", "corner", {"units": 2**53}, 422, "validation_failed"),
    ("a redemption", "lotus-air", "corner", {"kind": "redemption"}, 422, "validation_failed"),
    ("a price of one's own", "lotus-air", "corner", {"debit": 1}, 422, "validation_failed"),
    ("nobody's account", "lotus-air", "corner", {"account": NOBODY}, 404, "unknown_account"),
    ("tomorrow", "lotus-air", "corner", {"occurred_at": ago(days=-1)}, 422, "occurred_out_of_range"),
    ("two years ago", "lotus-air", "corner", {"occurred_at": ago(days=730)}, 422, "occurred_out_of_range"),
    ("another kind than granted", "palm-hotels", "corner", {"kind": "purchase"}, 403, "channel_not_granted"),
    ("no channel", "palm-hotels", "kiosk", {}, 403, "channel_not_granted"),
    ("a channel for nothing", "lotus-air", "palm", {}, 403, "channel_not_granted"),
    ("a charity", "relief", "corner", {}, 422, "kind_mismatch"),
    ("no price", "lone", "corner", {}, 422, "price_missing"),
    ("beyond the books", "lotus-air", "corner", {"units": 2**53 - 1}, 422, "above_maximum"),
    ("over the cap", "lotus-air", "kiosk", {}, 422, "net_debit_cap_exceeded"),
    ("an operator", "lotus-air", "operator", {}, 403, "forbidden"),
]


@pytest.mark.parametrize(
    ("name", "program", "key", "changes", "status", "code"), ISSUES, ids=[row[0] for row in ISSUES]
)
def test_an_accrual_that_cannot_be_is_refused_and_leaves_nothing(
    front: Front, name: str, program: str, key: str, changes: dict[str, Any], status: int, code: str
) -> None:
    wish = accrual(**({"account": member(front, program)} | changes))
    before = front.books()
    answer = front.ask("POST", "/v1/accruals", wish, key=key)
    assert (answer.status, answer.code, answer.signed) == (status, code, True)
    assert front.books() == before


SPENDS: list[tuple[str, str, str, dict[str, Any], int, str]] = [
    ("no consent", "palm-hotels", "corner", {}, 403, "consent_missing"),
    ("no channel", "palm-hotels", "lotus", {}, 403, "channel_not_granted"),
    ("a channel for accruals", "lotus-air", "kiosk", {}, 403, "channel_not_granted"),
    ("a charity", "relief", "corner", {}, 422, "kind_mismatch"),
    ("one's own charity", "relief", "palm", {}, 422, "kind_mismatch"),
    ("money", "purse", "palm", {}, 422, "kind_mismatch"),
    ("no price", "lone", "palm", {}, 422, "price_missing"),
    ("holds that are too short", "brief", "palm", {"capture": "later"}, 422, "hold_not_offered"),
    ("tomorrow", "palm-hotels", "palm", {"occurred_at": ago(days=-1)}, 422, "occurred_out_of_range"),
    ("another word", "palm-hotels", "palm", {"capture": "never"}, 422, "validation_failed"),
    ("zero points", "palm-hotels", "palm", {"points": 0}, 422, "validation_failed"),
    ("beyond the books", "palm-hotels", "palm", {"points": 2**53 - 1}, 422, "above_maximum"),
    ("over the cap", "palm-hotels", "palm", {"points": 1_000_000_000}, 422, "net_debit_cap_exceeded"),
    ("nobody's account", "palm-hotels", "palm", {"account": NOBODY}, 404, "unknown_account"),
    ("an operator", "palm-hotels", "operator", {}, 403, "forbidden"),
]


@pytest.mark.parametrize(
    ("name", "program", "key", "changes", "status", "code"), SPENDS, ids=[row[0] for row in SPENDS]
)
def test_a_redemption_that_cannot_be_is_refused_and_leaves_nothing(
    front: Front, name: str, program: str, key: str, changes: dict[str, Any], status: int, code: str
) -> None:
    wish = {"account": member(front, program), "points": 900} | changes
    before = front.books()
    answer = front.ask("POST", "/v1/redemptions", wish, key=key)
    assert (answer.status, answer.code, answer.signed) == (status, code, True)
    assert front.books() == before


@pytest.mark.parametrize(("channels", "scope"), [(["lotus"], "redemption"), (["corner"], "exchange")])
def test_a_consent_for_others_or_for_something_else_is_none(front: Front, channels: list[str], scope: str) -> None:
    account = consented(front, *channels, scope=scope)
    answer = front.ask("POST", "/v1/redemptions", {"account": account, "points": 900}, key="corner")
    assert (answer.status, answer.code, answer.json["side"]) == (403, "consent_missing", "source")


def test_a_receipt_number_is_used_once_while_its_exchange_stands(front: Front) -> None:
    account, number = member(front), receipt_number()
    declined = front.ask("POST", "/v1/accruals", accrual(account, 1_938, reference=number), key="corner", headers=WAIT)
    assert (declined.json["state"], declined.json["reason"]) == ("reversed", "lotus-air: limit_exceeded")
    accrued(front, account, reference=number)
    before = front.books()
    again = front.ask("POST", "/v1/accruals", accrual(account, reference=number), key="corner")
    assert (again.status, again.code) == (409, "reference_used")
    assert front.books() == before

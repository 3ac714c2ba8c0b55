"""Claims of missing accruals over the wire: filed, matched, accepted, rejected; and paid once, whoever comes first."""

import json
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from clearing.front import paging
from clearing.front.app import create_app
from tests.command_line import clearing
from tests.wire.front_room import Answer, Front, walks_to_the_end
from tests.wire.kinds_room import (
    NOBODY,
    WAIT,
    accrual,
    accrued,
    ago,
    findings,
    has,
    member,
    receipt_number,
    redeemed,
    reverse,
)
from tests.wire.test_front_doors import validator


@pytest.fixture(scope="module", autouse=True)
def _books_add_up(front: Front) -> Iterator[None]:
    yield
    assert findings(front) == []


def wanted(account: str, **changes: Any) -> dict[str, Any]:
    return {
        "account": account,
        "partner": "corner",
        "reference": receipt_number(),
        "occurred_at": ago(days=40),
    } | changes


def claim(front: Front, wish: dict[str, Any], key: str = "lotus") -> Answer:
    return front.ask("POST", "/v1/claims", wish, key=key)


def filed(front: Front, **changes: Any) -> dict[str, Any]:
    answer = claim(front, wanted(member(front), **changes))
    assert (answer.status, answer.json["state"]) == (201, "open"), answer.body
    found: dict[str, Any] = answer.json
    return found


def accept(
    front: Front, said: dict[str, Any], units: int = 400, key: str = "corner", name: str | None = None
) -> Answer:
    at = f"/v1/claims/{said['claim']}/accept"
    return front.ask("POST", at, {"units": units}, key=key, name=name, headers=WAIT)


def reject(front: Front, said: dict[str, Any], reason: str = "no such sale", key: str = "corner") -> Answer:
    return front.ask("POST", f"/v1/claims/{said['claim']}/reject", {"reason": reason}, key=key)


def now(front: Front, said: dict[str, Any], key: str = "lotus") -> dict[str, Any]:
    found: dict[str, Any] = front.ask("GET", f"/v1/claims/{said['claim']}", key=key).json
    return found


def waiting(front: Front, key: str = "corner") -> list[str]:
    said = front.ask("GET", "/v1/claims", key=key)
    validator(create_app().openapi(), "ClaimsSaid").validate(said.json)
    return [found["claim"] for found in said.json["claims"]]


# --- one after the other


def test_a_claim_waits_for_the_shop_and_for_nobody_else(front: Front) -> None:
    wish = wanted(member(front), units=400)
    first, again = claim(front, wish), claim(front, wish)
    assert (first.status, again.status) == (201, 200)
    assert again.json == first.json
    validator(create_app().openapi(), "ClaimSaid").validate(first.json)
    said = first.json
    assert said["claim"] in waiting(front)
    assert said["claim"] not in waiting(front, "lotus") + waiting(front, "kiosk")
    assert [now(front, said, key) for key in ("lotus", "corner", "operator")] == [said] * 3
    for key in ("palm", "kiosk"):
        assert front.ask("GET", f"/v1/claims/{said['claim']}", key=key).code == "not_found"


def test_a_claim_that_is_accepted_is_an_accrual_with_its_receipt_number(front: Front) -> None:
    said = filed(front)
    had, name = has(front, "lotus-air", said["account"]), secrets.token_hex(8)
    paid, again = (accept(front, said, 400, name=name) for _ in range(2))
    assert (paid.status, paid.json["kind"], paid.json["state"]) == (201, "accrual", "completed"), paid.body
    assert (paid.json["reference"], paid.json["occurred_at"]) == (said["reference"], said["occurred_at"])
    assert (again.status, again.json) == (200, paid.json)
    assert has(front, "lotus-air", said["account"]) == had + 400
    after = now(front, said)
    assert (after["state"], after["exchange"]) == ("paid", paid.json["exchange"])
    assert said["claim"] not in waiting(front)
    second = accept(front, said)
    assert (second.status, second.code) == (409, "reference_used")
    assert reverse(front, paid.json["exchange"], 100).json["state"] == "completed"


def test_an_accrual_that_comes_meanwhile_pays_the_claim_by_itself(front: Front) -> None:
    said = filed(front)
    done = accrued(front, said["account"], reference=said["reference"])
    assert (now(front, said)["state"], now(front, said)["exchange"]) == ("paid", done["exchange"])
    assert said["claim"] not in waiting(front)


def test_what_was_paid_before_is_not_claimed(front: Front) -> None:
    done = accrued(front, member(front))
    wish = wanted(done["target"]["account"], reference=done["reference"])
    before = front.books()
    answer = claim(front, wish)
    assert (answer.status, answer.json["claim"], answer.json["state"]) == (200, None, "already_paid")
    assert answer.json["exchange"] == done["exchange"]
    validator(create_app().openapi(), "ClaimSaid").validate(answer.json)
    assert front.books() == before


def test_what_another_was_paid_is_nobody_elses_business(front: Front) -> None:
    done, said = accrued(front, member(front)), filed(front)
    answer = claim(front, wanted(member(front), reference=done["reference"]))
    assert (answer.json["state"], answer.json["exchange"]) == ("already_paid", None)
    accrued(front, member(front), reference=said["reference"])
    assert (now(front, said)["state"], now(front, said)["exchange"]) == ("already_paid", None)
    assert accept(front, said).code == "reference_used"


def test_a_claim_is_open_again_when_the_program_declines_its_accrual(front: Front) -> None:
    said = filed(front)
    assert accept(front, said, 1_938).json["state"] == "reversed"
    assert now(front, said)["state"] == "open"
    assert accept(front, said).json["state"] == "completed"


def test_a_claim_is_rejected_with_a_reason_and_the_first_one_stays(front: Front) -> None:
    said = filed(front)
    first, again = reject(front, said), reject(front, said, "another reason")
    assert (first.status, first.json["state"], first.json["rejected_reason"]) == (200, "rejected", "no such sale")
    assert again.json == first.json == now(front, said)
    assert said["claim"] not in waiting(front)
    assert (
        claim(front, {name: said[name] for name in ("account", "partner", "reference", "occurred_at")}).json
        == first.json
    )


def test_what_was_rejected_can_still_be_paid_and_what_was_paid_is_not_rejected(front: Front) -> None:
    said = filed(front)
    reject(front, said)
    assert accept(front, said).json["state"] == "completed"
    assert now(front, said)["state"] == "paid"
    before = front.books()
    answer = reject(front, said)
    assert (answer.status, answer.code) == (409, "claim_closed")
    assert front.books() == before


def test_a_receipt_of_something_else_is_not_claimed(front: Front) -> None:
    number, account = receipt_number(), member(front)
    wish = {"source_account": member(front, "palm-hotels"), "target_account": account}
    wish["consent"] = {"scope": ["redemption"], "channels": ["corner"]}  # type: ignore[assignment]
    assert front.ask("POST", "/v1/links", wish).status == 201
    redeemed(front, wish["source_account"], reference=number)
    answer = claim(front, wanted(account, reference=number))
    assert (answer.status, answer.code) == (409, "reference_used")


def test_a_claim_signed_by_somebody_else_is_found(front: Front) -> None:
    said = filed(front)
    reject(front, said)
    with psycopg.connect(front.url) as books:
        (row,) = books.execute(
            "SELECT evidence_id, rejection_id FROM claim WHERE claim = %s", [said["claim"]]
        ).fetchall()
        swap = "UPDATE claim SET evidence_id = %s, rejection_id = %s WHERE claim = %s"
        books.execute(swap, [row[1], row[0], said["claim"]])
        books.commit()
        found = findings(front)
        books.execute(swap, [row[0], row[1], said["claim"]])
    assert sorted(found) == sorted(map(str, row))


REFUSED: list[tuple[str, dict[str, Any], str, int, str]] = [
    ("nobody's account", {"account": NOBODY}, "lotus", 404, "unknown_account"),
    ("another's member", {}, "palm", 403, "not_your_member"),
    ("the shop itself", {}, "corner", 403, "not_your_member"),
    ("nobody's code", {"partner": "moon"}, "lotus", 422, "validation_failed"),
    ("a shop without a channel", {"partner": "palm"}, "lotus", 403, "channel_not_granted"),
    ("tomorrow", {"occurred_at": ago(days=-1)}, "lotus", 422, "occurred_out_of_range"),
    ("two years ago", {"occurred_at": ago(days=730)}, "lotus", 422, "occurred_out_of_range"),
    ("zero units", {"units": 0}, "lotus", 422, "validation_failed"),
    ("no receipt number", {"reference": ""}, "lotus", 422, "validation_failed"),
    ("a state of one's own", {"state": "paid"}, "lotus", 422, "validation_failed"),
    ("an operator", {}, "operator", 403, "forbidden"),
]


@pytest.mark.parametrize(("name", "changes", "key", "status", "code"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_claim_that_cannot_be_is_refused_and_leaves_nothing(
    front: Front, name: str, changes: dict[str, Any], key: str, status: int, code: str
) -> None:
    wish = wanted(member(front)) | changes
    before = front.books()
    answer = claim(front, wish, key)
    assert (answer.status, answer.code, answer.signed) == (status, code, True)
    assert front.books() == before


@pytest.mark.parametrize("key", ["lotus", "palm", "kiosk"])
def test_only_the_shop_answers_a_claim(front: Front, key: str) -> None:
    said = filed(front)
    before = front.books()
    assert [accept(front, said, key=key).code, reject(front, said, key=key).code] == ["not_found"] * 2
    assert front.books() == before


# --- at once


def at_once(*wishes: Callable[[], Answer]) -> list[Answer]:
    with ThreadPoolExecutor(len(wishes)) as threads:
        return [future.result() for future in [threads.submit(wish) for wish in wishes]]


@pytest.mark.parametrize("turn", range(3))
def test_of_acceptances_and_accruals_at_once_one_pays(front: Front, turn: int) -> None:
    said = filed(front)
    had = has(front, "lotus-air", said["account"])
    wish = accrual(said["account"], 300, reference=said["reference"])

    def accrue() -> Answer:
        return front.ask("POST", "/v1/accruals", wish, key="corner", headers=WAIT)

    answers = at_once(*[lambda: accept(front, said, 400), accrue] * 3)
    paid = [answer for answer in answers if answer.status == 201]
    assert sorted(answer.code for answer in answers if answer.status != 201) == ["reference_used"] * 5
    (exchange,) = [answer.json for answer in paid]
    assert has(front, "lotus-air", said["account"]) == had + exchange["target"]["amount"]
    assert (now(front, said)["state"], now(front, said)["exchange"]) == ("paid", exchange["exchange"])


@pytest.mark.parametrize("turn", range(3))
def test_a_claim_filed_while_its_accrual_comes_in_is_paid_once(front: Front, turn: int) -> None:
    account = member(front)
    wish = wanted(account)
    had, issue = has(front, "lotus-air", account), accrual(account, reference=wish["reference"])

    def accrue() -> Answer:
        return front.ask("POST", "/v1/accruals", issue, key="corner", headers=WAIT)

    said, done = at_once(lambda: claim(front, wish), accrue)
    assert done.status == 201
    assert said.json["state"] in {"open", "already_paid"}
    assert claim(front, wish).json["state"] in {"paid", "already_paid"}
    assert claim(front, wish).json["exchange"] == done.json["exchange"]
    assert has(front, "lotus-air", account) == had + 400


def test_of_equal_claims_at_once_one_is_filed(front: Front) -> None:
    wish = wanted(member(front))
    answers = at_once(*[lambda: claim(front, wish)] * 4)
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 201]
    assert len({answer.json["claim"] for answer in answers}) == 1


def test_a_claim_rejected_and_accepted_at_once_is_paid_once_and_never_lost(front: Front) -> None:
    said = filed(front)
    rejected, paid = at_once(lambda: reject(front, said), lambda: accept(front, said))
    assert (paid.status, paid.json["state"]) == (201, "completed")
    assert rejected.status == 200 or rejected.code == "claim_closed"
    assert now(front, said)["state"] == "paid"


def test_claims_that_wait_are_told_in_pages_each_once(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = [filed(front)["claim"] for _ in range(3)]
    told = walks_to_the_end(front, "/v1/claims", "claims", "corner", monkeypatch)
    assert [one["claim"] for one in told if one["claim"] in mine] == mine  # the oldest first
    monkeypatch.setattr(paging, "PAGE", 1)
    asked = ("--key", front.folder / "corner.jwk", "--url", f"http://{front.host}")
    assert json.loads(clearing("claim", "list", *asked).stdout)["claims"] == told

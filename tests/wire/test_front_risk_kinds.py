"""Risk rules and limits of members, over the wire, on what is issued, spent and given: held, released, refused, tried; claims are not."""

import secrets
from typing import Any

import psycopg
import pytest

from tests.wire.front_room import Answer, Front
from tests.wire.kinds_room import WAIT, accrual, ago, consented, member, receipt_number
from tests.wire.risk_room import (
    MONTHLY,
    bodies_that_tell,
    case_of,
    device,
    pair,
    quoted,
    reasons,
    resolved,
    ruled,
    submitted,
)
from tests.wire.test_front_dry_runs import TRIED, traces

ISSUE, SPEND = "/v1/accruals", "/v1/redemptions"


def asked(front: Front, path: str, wish: dict[str, Any], key: str = "corner", name: str | None = None) -> Answer:
    return front.ask("POST", path, wish, key=key, headers=WAIT, name=name)


def issued(front: Front, account: str, **more: Any) -> Answer:
    return asked(front, ISSUE, accrual(account, **more))


def spent(front: Front, account: str, points: int = 900, key: str = "corner", **more: Any) -> Answer:
    return asked(front, SPEND, {"account": account, "points": points, **more}, key)


def tried(front: Front, path: str, wish: dict[str, Any], name: str | None = None) -> Any:
    answer = asked(front, f"{path}/dry-runs", wish, name=name)
    assert answer.status == 200, answer.body
    TRIED.validate(answer.json)
    return answer.json


def test_an_unusual_issue_is_held_and_goes_on_when_it_is_released(risky: Front) -> None:
    ruled(risky, {"name": "large", "watches": "amount", "points": 400, "target": "lotus-air"})
    small, large = issued(risky, member(risky)), issued(risky, member(risky), units=401)
    assert reasons([small, large]) == [None, "held: large"]
    done = resolved(risky, large.json["exchange"], "release")
    assert done.status == 200, done.body
    at = f"/v1/exchanges/{large.json['exchange']}"
    assert risky.ask("GET", at, key="corner", headers=WAIT).json["state"] == "completed"


def test_an_issue_that_is_refused_frees_its_receipt_number(risky: Front) -> None:
    ruled(risky, {"name": "large", "watches": "amount", "points": 400})
    account, number = member(risky), receipt_number()
    held = issued(risky, account, units=401, reference=number)
    assert issued(risky, account, reference=number).code == "reference_used"
    assert resolved(risky, held.json["exchange"], "refuse").json["state"] == "reversed"
    assert reasons([issued(risky, account, reference=number)]) == [None]


def test_velocity_counts_what_is_issued_to_an_account_apart_from_what_leaves_it(risky: Front) -> None:
    ruled(risky, {"name": "busy", "watches": "account", "hours": 1, "count": 1})
    source, target = pair(risky)
    assert reasons([submitted(risky, quoted(risky, source, target))]) == [None]
    assert reasons([issued(risky, source), issued(risky, source)]) == [None, "held: busy"]
    assert reasons([submitted(risky, quoted(risky, source, target))]) == ["held: busy"]


def test_points_spent_and_points_sent_are_one_velocity(risky: Front) -> None:
    ruled(risky, {"name": "much", "watches": "account", "hours": 1, "points": 3_500, "source": "palm-hotels"})
    source, target = pair(risky)
    assert reasons([submitted(risky, quoted(risky, source, target))]) == [None]
    assert reasons([spent(risky, source, 500, "palm"), spent(risky, source, 1, "palm")]) == [None, "held: much"]


def test_points_that_are_to_be_held_are_held_back_until_a_person_has_looked(risky: Front) -> None:
    ruled(risky, {"name": "large", "watches": "amount", "points": 899, "source": "palm-hotels"})
    source, _ = pair(risky)
    held = spent(risky, source, key="palm", capture="later")
    assert (held.status, held.json["state"], held.json["held"]) == (202, "review", 0)
    capture = asked(risky, f"{SPEND}/{held.json['exchange']}/capture", {"points": 900}, "palm")
    assert capture.code == "not_held"
    assert resolved(risky, held.json["exchange"], "release").status == 200
    at = f"/v1/exchanges/{held.json['exchange']}"
    assert risky.ask("GET", at, headers=WAIT).json["held"] == 900
    assert asked(risky, f"{at}/cancel", {}, "palm").status == 200


def test_a_device_is_counted_over_all_kinds_and_its_token_is_sealed(risky: Front) -> None:
    ruled(risky, {"name": "one-phone", "watches": "device", "hours": 1, "count": 2})
    phone, told = device(secrets.token_hex(4)), bodies_that_tell(risky)
    source, target = pair(risky)
    first = [
        issued(risky, target, device=phone),
        submitted(risky, quoted(risky, source, target), device=phone),
    ]
    assert reasons(first) == [None, None]
    assert reasons([spent(risky, source, key="palm", device=phone)]) == ["held: one-phone"]
    assert bodies_that_tell(risky) == told + 3
    assert risky.ask("DELETE", f"/v1/accounts/{target}", key="lotus").status == 200
    assert bodies_that_tell(risky) == told + 1  # the issue to the member, and the exchange, are erased with it


def test_points_spent_elsewhere_are_watched_by_the_age_of_the_link_that_carries_the_consent(risky: Front) -> None:
    ruled(risky, {"name": "new-link", "watches": "new_link", "days": 1})
    source = consented(risky, "corner")
    assert reasons([spent(risky, source)]) == ["held: new-link"]
    assert reasons([spent(risky, source, key="palm"), issued(risky, source)]) == [None, None]  # no link is looked at
    with psycopg.connect(risky.url) as connection:
        connection.execute(
            "UPDATE link SET linked_at = linked_at - interval '1 day' WHERE source_account = %s", [source]
        )
    assert reasons([spent(risky, source)]) == [None]


def test_a_rule_within_one_program_holds_gifts_and_nothing_else(risky: Front) -> None:
    ruled(risky, {"name": "gifts", "watches": "amount", "points": 0, "source": "palm-hotels", "target": "palm-hotels"})
    source, other = member(risky, "palm-hotels"), member(risky, "palm-hotels")
    wish = {"source_account": source, "target_account": other, "sent": 100, "kind": "gift"}
    quote = risky.ask("POST", "/v1/quotes", wish).json["quote"]
    assert reasons([submitted(risky, quote), spent(risky, source, key="palm")]) == [None, "held: gifts"]


def test_a_claim_is_paid_without_a_hold(risky: Front) -> None:
    ruled(risky, {"name": "all", "watches": "amount", "points": 0})
    account, number = member(risky, "palm-hotels"), receipt_number()
    wish = {"account": account, "partner": "corner", "reference": number, "occurred_at": ago(days=1)}
    claim = risky.ask("POST", "/v1/claims", wish).json["claim"]
    assert reasons([asked(risky, f"/v1/claims/{claim}/accept", {"units": 50})]) == [None]


def test_points_spent_count_in_the_programs_limit_and_are_refused_by_it(risky: Front) -> None:
    ruled(risky)
    account = member(risky)
    assert reasons([spent(risky, account, MONTHLY - 1, "lotus")]) == [None]
    wish = {"account": account, "points": 2}
    over = asked(risky, SPEND, wish, "lotus")
    assert (over.status, over.code) == (422, "limit_exceeded")
    gift = {"source_account": account, "target_account": member(risky), "sent": 2, "kind": "gift"}
    told = risky.ask(
        "POST", "/v1/quotes", gift, key="lotus"
    )  # the limit of another card: within the program there is none
    assert (told.status, told.code, told.json["rule"]) == (422, "limit_exceeded", "month")
    assert reasons([spent(risky, account, 1, "lotus")]) == [None]


# --- dry runs


def wishes(front: Front) -> list[tuple[str, dict[str, Any]]]:
    return [(ISSUE, accrual(member(front))), (SPEND, {"account": consented(front, "corner"), "points": 900})]


@pytest.mark.parametrize("place", [0, 1], ids=["issued", "spent"])
def test_a_dry_run_of_any_kind_says_what_then_happens_and_leaves_no_trace(risky: Front, place: int) -> None:
    ruled(risky, {"name": "busy", "watches": "account", "hours": 1, "count": 1})
    path, wish = wishes(risky)[place]
    name, before = secrets.token_hex(8), traces(risky)
    for _ in range(3):
        assert tried(risky, path, wish, name) == {"would": "reserve", "held": None, "refusal": None}
    assert traces(risky) == before
    assert reasons([asked(risky, path, wish, name=name)]) == [None]
    assert tried(risky, path, wish, name)["would"] == "replay"
    other = wish | ({"reference": receipt_number()} if place == 0 else {})
    assert tried(risky, path, other) == {"would": "hold", "held": "busy", "refusal": None}
    assert reasons([asked(risky, path, other)]) == ["held: busy"]


@pytest.mark.parametrize("place", [0, 1], ids=["issued", "spent"])
def test_a_dry_run_refuses_in_the_same_words_before_the_books_and_in_them(risky: Front, place: int) -> None:
    ruled(risky)
    path, wish = wishes(risky)[place]
    used = wish | {"reference": receipt_number(), "occurred_at": ago(hours=1)}
    assert reasons([asked(risky, path, used)]) == [None]
    for wrong in (
        used,
        wish | {"occurred_at": ago(days=400)},
        wish | {"account": "0" * 8 + "-0000-8000-8000-" + "0" * 12},
    ):
        before, name = traces(risky), secrets.token_hex(8)
        said = tried(risky, path, wrong, name)
        assert traces(risky) == before
        refused = asked(risky, path, wrong, name=name)
        assert (said["would"], said["refusal"]["code"], said["refusal"]["detail"]) == (
            "refuse",
            refused.code,
            refused.json["detail"],
        )


def test_what_is_held_shows_its_rule_in_the_queue(risky: Front) -> None:
    ruled(risky, {"name": "large", "watches": "amount", "points": 400})
    held = issued(risky, member(risky), units=401)
    found = case_of(risky, held.json["exchange"])
    assert (found["kind"], found["detail"]) == ("risk_hold", "large")

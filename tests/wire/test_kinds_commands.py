"""The commands of accruals, redemptions, captures, claims and kinds of quotes; and the client's calls behind them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from clearing import errors
from clearing.front import onboarding
from tests.command_line import clearing
from tests.wire.front_room import Front
from tests.wire.kinds_room import consented, member, receipt_number
from tests.wire.test_client import connection, echo

AT = "2026-01-02T03:04:05"


def told(front: Front, key: str, *words: str) -> dict[str, Any]:
    done = clearing(*words, "--key", front.folder / f"{key}.jwk", "--url", f"http://{front.host}")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_story_of_a_shops_engineer(front: Front) -> None:
    account, number = member(front), receipt_number()
    issued = told(front, "corner", "accrue", account, "400", "--reference", number, "--occurred-at", AT)
    assert (issued["state"], issued["reference"], issued["occurred_at"]) == ("completed", number, f"{AT}Z")
    assert told(front, "corner", "reverse", issued["exchange"], "100", "returned")["path"] == "clawback"
    assert told(front, "corner", "accrue", account, "40", "--purchase")["kind"] == "purchase"
    held = told(front, "corner", "redeem", consented(front, "corner"), "900", "--later")
    assert (held["state"], held["held"]) == ("source_held", 900)
    assert told(front, "corner", "capture", held["exchange"], "500")["captured"] == 500
    refused = clearing(
        "capture",
        held["exchange"],
        "1",
        "--key",
        front.folder / "corner.jwk",
        "--url",
        f"http://{front.host}",
    )
    assert (refused.returncode, "not_held" in refused.stderr) == (4, True)


def test_the_story_of_a_claim(front: Front) -> None:
    numbers = [receipt_number() for _ in range(2)]
    made = [told(front, "lotus", "claim", "make", member(front), "corner", number, AT) for number in numbers]
    waiting = {found["claim"] for found in told(front, "corner", "claim", "list")["claims"]}
    assert {found["claim"] for found in made} <= waiting
    assert told(front, "corner", "claim", "accept", made[0]["claim"], "400")["reference"] == numbers[0]
    assert told(front, "corner", "claim", "reject", made[1]["claim"], "no such sale")["state"] == "rejected"
    assert [told(front, "lotus", "claim", "show", found["claim"])["state"] for found in made] == ["paid", "rejected"]


def test_a_quote_names_its_kind(front: Front) -> None:
    quoted = told(front, "lotus", "quote", member(front), member(front), "--sent", "600", "--kind", "gift")
    assert (quoted["kind"], quoted["debit"]) == ("gift", 0)
    assert told(front, "lotus", "exchange", quoted["quote"])["kind"] == "gift"


def test_ready_curl_commands_carry_the_wish(front: Front) -> None:
    key = ("--key", front.folder / "corner.jwk", "--url", f"http://{front.host}", "--curl")
    accrue = clearing("accrue", "acc-1", "400", "--reference", "7", "--occurred-at", AT, *key).stdout
    assert f'{{"account": "acc-1", "units": 400, "kind": "accrual", "occurred_at": "{AT}+00:00"' in accrue
    assert '"capture": "later"' in clearing("redeem", "acc-1", "400", "--later", *key).stdout


def test_every_call_says_what_it_means() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with connection(echo) as house:
        said = [
            house.accrue("acc-1", 400, at, "7", key="a-1", wait=5),
            house.accrue("acc-1", 40, kind="purchase"),
            house.redeem("acc-1", 900),
            house.redeem("acc-1", 900, reference="8", later=True),
            house.capture("0001", 500, wait=5),
            house.claim("acc-1", "corner", "7", at, 400),
            house.claims(),
            house.look_at_claim("0002"),
            house.accept_claim("0002", 400),
            house.reject_claim("0002", "no such sale"),
            house.quote("acc-1", "acc-2", sent=600, kind="gift"),
        ]
    instant = "2026-01-02T03:04:05+00:00"
    receipt = {"occurred_at": instant, "reference": "7"}
    assert [(one["call"], one["body"]) for one in said] == [
        ("POST /v1/accruals", {"account": "acc-1", "units": 400, "kind": "accrual", **receipt}),
        ("POST /v1/accruals", {"account": "acc-1", "units": 40, "kind": "purchase"}),
        ("POST /v1/redemptions", {"account": "acc-1", "points": 900, "capture": "now"}),
        ("POST /v1/redemptions", {"account": "acc-1", "points": 900, "capture": "later", "reference": "8"}),
        ("POST /v1/redemptions/0001/capture", {"points": 500}),
        ("POST /v1/claims", {"account": "acc-1", "partner": "corner", "units": 400, **receipt}),
        ("GET /v1/claims", None),
        ("GET /v1/claims/0002", None),
        ("POST /v1/claims/0002/accept", {"units": 400}),
        ("POST /v1/claims/0002/reject", {"reason": "no such sale"}),
        ("POST /v1/quotes", {"source_account": "acc-1", "target_account": "acc-2", "sent": 600, "kind": "gift"}),
    ]
    assert (said[0]["idempotency-key"], said[0]["prefer"], said[4]["prefer"]) == ('"a-1"', "wait=5", "wait=5")


def test_a_time_without_a_zone_is_no_instant() -> None:
    with connection(echo) as house, pytest.raises(ValueError, match="zone"):
        house.accrue("acc-1", 400, datetime(2026, 1, 2), "7")  # noqa: DTZ001 - that is what is refused


@pytest.mark.parametrize(
    "text",
    [
        "partners: [{partner: a, name: A, rights: [{program: b, kinds: [exchange]}]}]",
        "partners: [{partner: a, name: A, rights: [{program: b}]}]",
        "partners: [{partner: a, name: A, shortfall: perhaps}]",
        "programs: [{program: a, partner: a, name: A, unit_name: A, endpoint: x, capabilities: {}, nature: gold}]",
    ],
)
def test_a_plan_with_a_channel_or_a_nature_that_cannot_be_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(errors.Misconfigured):
        onboarding.read_plan(tmp_path / "plan.yaml")

"""Members over the wire: links, consent, reports of programs, erasure; and that all proofs hold afterwards."""

import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from jsonschema import Draft202012Validator

from clearing.front import logs
from clearing.front.app import create_app
from tests.command_line import clearing
from tests.wire.front_room import CANARY, Answer, Front

NOBODY = "01a2008f-81fc-85d4-82a4-382b6b75b8a2"


def fresh(front: Front, program: str, kind: str = "SBX-OK", key: str = "palm") -> str:
    """The token of a member whom nobody has met."""
    return front.link(program, f"{kind}-CANARY-{secrets.token_hex(6)}", key)


def link(front: Front, source: str, target: str, key: str = "palm", **more: Any) -> Answer:
    return front.ask("POST", "/v1/links", {"source_account": source, "target_account": target, **more}, key=key)


def pair(front: Front, **more: Any) -> tuple[str, str, str]:
    """Two fresh accounts and their link."""
    source, target = fresh(front, "palm-hotels"), fresh(front, "lotus-air")
    answer = link(front, source, target, **more)
    assert answer.status == 201, answer.body
    return source, target, answer.json["link"]


def quote(front: Front, source: str, target: str, key: str = "palm") -> Answer:
    wish = {"source_account": source, "target_account": target, "sent": 3000}
    return front.ask("POST", "/v1/quotes", wish, key=key)


def consent(*channels: str, scope: str = "exchange") -> dict[str, Any]:
    return {"scope": [scope], "channels": list(channels)}


def conforms(answer: Answer, name: str) -> bool:
    said = json.loads(json.dumps(create_app().openapi()))
    schema = {"$ref": f"#/components/schemas/{name}", "components": said["components"]}
    Draft202012Validator(schema).validate(answer.json)
    return True


# --- linking


def test_a_link_says_what_both_programs_say(front: Front) -> None:
    source, target = fresh(front, "palm-hotels"), fresh(front, "lotus-air", "SBX-NAMEPARTIAL")
    answer = link(front, source, target, name="Ada Canary")
    assert (answer.status, answer.signed) == (201, True)
    assert conforms(answer, "LinkSaid")
    ends = [
        (end["program"], end["account"], end["status"], end["name_match"])
        for end in map(answer.json.get, ("source", "target"))
    ]
    assert ends == [("palm-hotels", source, "active", "match"), ("lotus-air", target, "active", "partial")]
    assert (answer.json["one_card"], answer.json["consent"], answer.json["ended_at"]) == (False, None, None)
    again = link(front, source, target, name="Ada Canary")
    assert (again.status, again.json["link"]) == (200, answer.json["link"])
    seen = front.ask("GET", f"/v1/links/{answer.json['link']}", key="lotus")
    assert (seen.status, seen.json["source"]["status"]) == (200, None)
    assert conforms(seen, "LinkSaid")


SIDES = ("source", "target")
UNFIT: list[tuple[str, str, str]] = [
    ("SBX-NAMEMISMATCH", "name_mismatch", "Make the name the same"),
    ("SBX-FROZEN", "member_not_active", "Ask the program"),
]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("kind", "code", "remedy"), UNFIT, ids=[row[1] for row in UNFIT])
def test_a_link_is_refused_with_the_side_and_what_the_member_can_do(
    front: Front, kind: str, code: str, remedy: str, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = {"source": "palm-hotels", "target": "lotus-air"}
    accounts = {known: fresh(front, program) for known, program in programs.items()}
    usual = front.house.delivery.look_up_member

    async def changed(program: str, account: UUID | str, member: str, name: str | None) -> Any:
        """The program has another opinion of this member by now."""
        if program != programs[side]:
            return await usual(program, account, member, name)
        return await usual(program, NOBODY[:-12] + secrets.token_hex(6), f"{kind}-{secrets.token_hex(4)}", name)

    monkeypatch.setattr(front.house.delivery, "look_up_member", changed)
    before = front.books()
    answer = link(front, accounts["source"], accounts["target"], name="Ada")
    assert (answer.status, answer.code, answer.json["side"]) == (422, code, side)
    assert answer.json["remedy"].startswith(remedy)
    assert conforms(answer, "Problem")
    assert front.books() == before


def test_an_account_that_is_too_new_is_told_when_it_fits(front: Front) -> None:
    source, target = fresh(front, "strict", "SBX-NEW"), fresh(front, "lotus-air")
    answer = link(front, source, target)
    assert (answer.status, answer.code, answer.json["side"]) == (422, "account_too_new", "source")
    fits = datetime.fromisoformat(answer.json["fits_from"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < fits <= timedelta(days=30)
    assert conforms(answer, "Problem")


def test_of_two_links_one_gets_the_one_card(front: Front) -> None:
    source, first, second = fresh(front, "strict"), fresh(front, "lotus-air"), fresh(front, "lotus-air")
    made = link(front, source, first)
    assert (made.status, made.json["one_card"]) == (201, True)
    refused = link(front, source, second)
    assert (refused.status, refused.code, refused.json["side"]) == (409, "already_linked", "source")
    other = link(front, fresh(front, "strict"), first)
    assert (other.code, other.json["side"]) == ("already_linked", "target")
    assert front.ask("DELETE", f"/v1/links/{made.json['link']}").json["ended_reason"] == "unlinked"
    assert link(front, source, second).status == 201


@pytest.mark.parametrize(
    ("source", "target", "key", "more", "status", "code"),
    [
        (NOBODY, "target", "palm", {}, 404, "unknown_account"),
        ("source", NOBODY, "palm", {}, 404, "unknown_account"),
        ("source", "source", "palm", {}, 422, "validation_failed"),
        ("source", "target", "palm", {"consent": consent("nobody")}, 422, "validation_failed"),
        ("source", "target", "palm", {"consent": consent("lotus", scope="all")}, 422, "validation_failed"),
        ("source", "target", "palm", {"consent": {"scope": [], "channels": ["lotus"]}}, 422, "validation_failed"),
        ("source", "target", "lotus", {"consent": consent("lotus")}, 403, "not_your_member"),
        ("own", "hotel", "lotus", {}, 403, "not_your_member"),
        ("source", "target", "operator", {}, 403, "forbidden"),
    ],
)
def test_a_link_that_cannot_be_is_refused_and_leaves_nothing(
    front: Front, source: str, target: str, key: str, more: dict[str, Any], status: int, code: str
) -> None:
    programs = {"source": "palm-hotels", "target": "lotus-air", "own": "palm-hotels", "hotel": "strict"}
    tokens = {name: fresh(front, program) for name, program in programs.items()}
    before = front.books()
    answer = link(front, tokens.get(source, source), tokens.get(target, target), key, **more)
    assert (answer.status, answer.code) == (status, code)
    assert front.books() == before


def test_links_of_others_do_not_exist(front: Front) -> None:
    source, target = fresh(front, "palm-hotels"), fresh(front, "strict")
    made = link(front, source, target).json["link"]
    for method, path in (("GET", ""), ("DELETE", ""), ("DELETE", "/consent")):
        answer = front.ask(method, f"/v1/links/{made}{path}", key="lotus")
        assert (answer.status, answer.code) == (404, "not_found")
    assert front.ask("POST", f"/v1/links/{made}/consent", consent("lotus"), key="lotus").code == "not_found"
    assert front.ask("GET", f"/v1/links/{made}", key="operator").json["ended_at"] is None
    for name in (NOBODY, "x", made.replace("-", "")):
        assert front.ask("GET", f"/v1/links/{name}").code == "not_found"


def test_unlinking_is_idempotent_and_either_side_may(front: Front) -> None:
    _, _, made = pair(front)
    first, again = (front.ask("DELETE", f"/v1/links/{made}", key=key) for key in ("lotus", "palm"))
    assert (first.status, first.json["ended_reason"]) == (200, "unlinked")
    assert again.json == first.json
    assert conforms(again, "LinkSaid")
    refused = front.ask("POST", f"/v1/links/{made}/consent", consent("lotus"))
    assert (refused.status, refused.code) == (409, "link_ended")


# --- consent and quotes


def test_another_partners_member_is_quoted_with_consent_and_only_while_it_holds(front: Front) -> None:
    source, target, made = pair(front)
    at = f"/v1/links/{made}/consent"
    assert quote(front, source, target, "lotus").code == "not_your_member"
    assert front.ask("POST", at, consent("lotus"), key="lotus").code == "not_your_member"
    given = front.ask("POST", at, consent("lotus", scope="accrual"))
    assert (given.status, given.json["consent"]["partner"]) == (201, "palm")
    assert conforms(given, "LinkSaid")
    assert quote(front, source, target, "lotus").code == "consent_missing"
    given = front.ask("POST", at, consent("lotus"))
    assert given.status == 201
    assert front.ask("POST", at, consent("lotus")).json == given.json
    priced = quote(front, source, target, "lotus")
    assert priced.status == 200, priced.body
    done = front.ask(
        "POST", "/v1/exchanges", {"quote": priced.json["quote"]}, key="lotus", headers={"prefer": "wait=20"}
    )
    assert (done.status, done.json["state"]) == (201, "completed")
    first, again = (front.ask("DELETE", at) for _ in range(2))
    assert first.json["consent"]["withdrawn_at"] is not None
    assert again.json == first.json
    refused = quote(front, source, target, "lotus")
    assert (refused.status, refused.code, refused.json["side"]) == (403, "consent_missing", "source")
    assert quote(front, source, target).status == 200  # one's own member needs none


def test_a_consent_ends_with_its_link(front: Front) -> None:
    source, target, made = pair(front, consent=consent("lotus"))
    assert quote(front, source, target, "lotus").status == 200
    front.ask("DELETE", f"/v1/links/{made}")
    assert quote(front, source, target, "lotus").code == "consent_missing"


def test_a_consent_names_the_signed_request_that_gave_it(front: Front) -> None:
    _, _, made = pair(front, consent=consent("lotus"))
    said = front.ask("GET", f"/v1/links/{made}").json["consent"]
    assert said["key_id"] == front.keys["palm"].public.key_id
    own = {"CLEARING_DATABASE_URL": front.url, "CLEARING_HOME": str(front.folder / "home")}
    told = clearing("evidence", "verify", said["evidence"], **own)
    assert (told.returncode, "request signed by" in told.stdout) == (0, True)


def test_a_program_with_rules_wants_a_link_that_is_old_enough(front: Front) -> None:
    source, target = fresh(front, "strict"), fresh(front, "lotus-air")
    assert quote(front, source, target).code == "not_linked"
    made = link(front, source, target).json
    refused = quote(front, source, target)
    assert (refused.status, refused.code) == (422, "link_too_new")
    fits = datetime.fromisoformat(refused.json["fits_from"]) - datetime.fromisoformat(made["linked_at"])
    assert fits == timedelta(days=2)
    with psycopg.connect(front.url) as connection:
        connection.execute("UPDATE link SET linked_at = linked_at - interval '2 days' WHERE link = %s", [made["link"]])
    assert quote(front, source, target).status == 200


# --- what programs report


def test_a_closed_account_is_quoted_no_more_and_what_is_under_way_goes_on(front: Front) -> None:
    source, target, made = pair(front)
    priced = quote(front, source, target).json["quote"]
    closed = front.ask("POST", f"/v1/accounts/{source}/closed", {})
    assert (closed.json["standing"], closed.json["links_ended"]) == ("closed", [made])
    assert conforms(closed, "StandingSaid")
    again = front.ask("POST", f"/v1/accounts/{source}/closed", {})
    assert again.json == closed.json | {"links_ended": []}
    refused = quote(front, source, target)
    assert (refused.status, refused.code, refused.json["side"]) == (409, "account_closed", "source")
    assert link(front, source, target).code == "account_closed"
    done = front.ask("POST", "/v1/exchanges", {"quote": priced}, headers={"prefer": "wait=20"})
    assert (done.status, done.json["state"]) == (201, "completed")


def test_a_target_that_is_closed_is_not_credited(front: Front) -> None:
    source, target = fresh(front, "palm-hotels"), fresh(front, "lotus-air")
    front.ask("POST", f"/v1/accounts/{target}/closed", {}, key="lotus")
    refused = quote(front, source, target)
    assert (refused.code, refused.json["side"]) == ("account_closed", "target")


@pytest.mark.parametrize("by_number", [False, True], ids=["by token", "by number"])
def test_a_merged_account_takes_its_links_along(front: Front, *, by_number: bool) -> None:
    source, target, made = pair(front, consent=consent("lotus"))
    number = f"SBX-OK-CANARY-{secrets.token_hex(6)}"
    wish = {"into_member": number} if by_number else {"into_account": front.link("palm-hotels", number)}
    merged = front.ask("POST", f"/v1/accounts/{source}/merged", wish)
    assert (merged.status, merged.json["standing"], merged.json["links_moved"]) == (200, "merged", [made])
    assert conforms(merged, "StandingSaid")
    survivor = merged.json["merged_into"]
    assert survivor == front.link("palm-hotels", number)
    again = front.ask("POST", f"/v1/accounts/{source}/merged", wish)
    assert again.json == merged.json | {"links_moved": []}
    assert front.ask("GET", f"/v1/links/{made}").json["source"]["account"] == survivor
    assert quote(front, source, target).code == "account_closed"
    assert quote(front, survivor, target, "lotus").status == 200


def test_a_merger_that_cannot_be_leaves_nothing(front: Front) -> None:
    source, gone = fresh(front, "palm-hotels"), fresh(front, "palm-hotels")
    front.ask("POST", f"/v1/accounts/{gone}/closed", {})
    merge = f"/v1/accounts/{source}/merged"
    before = front.books()
    for wish, code in (
        ({"into_account": gone}, "account_closed"),
        ({"into_account": source}, "validation_failed"),
        ({"into_account": NOBODY}, "validation_failed"),
        ({"into_member": "SBX-NOBODY"}, "member_unknown"),
        ({"into_member": "SBX-CLOSED-1"}, "member_not_active"),
        ({}, "validation_failed"),
        ({"into_member": "SBX-OK-1", "into_account": gone}, "validation_failed"),
    ):
        assert front.ask("POST", merge, wish).code == code
    merged = fresh(front, "palm-hotels")
    front.ask("POST", merge, {"into_account": merged})
    before = front.books()
    refused = front.ask("POST", merge, {"into_member": f"SBX-OK-CANARY-{secrets.token_hex(6)}"})
    assert refused.code == "account_closed"
    assert front.books() == before  # not even the account that would have survived


@pytest.mark.parametrize(
    ("method", "path", "body"), [("POST", "/closed", {}), ("POST", "/merged", None), ("DELETE", "", None)]
)
def test_accounts_of_other_programs_do_not_exist(front: Front, method: str, path: str, body: Any) -> None:
    account = fresh(front, "palm-hotels")
    wish = [body if body is not None else {"into_account": NOBODY}] if method == "POST" else []
    answer = front.ask(method, f"/v1/accounts/{account}{path}", *wish, key="lotus")
    assert (answer.status, answer.code) == (404, "not_found")
    answer = front.ask(method, f"/v1/accounts/{NOBODY}{path}", *wish)
    assert (answer.status, answer.code) == (404, "not_found")


# --- erasure


def bodies_of(front: Front, account: str) -> list[UUID]:
    with psycopg.connect(front.url) as connection:
        found = connection.execute("SELECT evidence_id FROM account_evidence WHERE account = %s", [account]).fetchall()
    return [evidence_id for (evidence_id,) in found]


def test_an_erased_member_is_forgotten_and_everything_still_verifies(front: Front) -> None:
    number = f"SBX-OK-CANARY-{secrets.token_hex(6)}"
    source, target = front.link("palm-hotels", number), fresh(front, "lotus-air")
    made = link(front, source, target, name="Ada Canary", consent=consent("lotus")).json["link"]
    priced = quote(front, source, target).json["quote"]
    done = front.ask("POST", "/v1/exchanges", {"quote": priced}, headers={"prefer": "wait=20"}).json
    named = bodies_of(front, source)
    assert len(named) == 2  # the account's request, and the link's, which has the name
    erased = front.ask("DELETE", f"/v1/accounts/{source}")
    assert (erased.status, erased.json["standing"], erased.json["bodies_erased"]) == (200, "erased", 2)
    assert erased.json["links_ended"] == [made]
    assert conforms(erased, "StandingSaid")
    again = front.ask("DELETE", f"/v1/accounts/{source}", key="operator")
    assert again.json == erased.json | {"links_ended": [], "bodies_erased": 0}
    own = {"CLEARING_DATABASE_URL": front.url, "CLEARING_HOME": str(front.folder / "home")}
    for evidence_id in named:
        told = clearing("evidence", "verify", str(evidence_id), **own)
        assert (told.returncode, "body_erased" in told.stdout) == (0, True)
    checked = clearing("verify", **own)
    assert (checked.returncode, "✗" in checked.stdout) == (0, False), checked.stdout
    assert front.ask("GET", f"/v1/exchanges/{done['exchange']}/proof").status == 200
    assert quote(front, source, target).code == "account_closed"
    anew = front.ask("POST", "/v1/accounts", {"program": "palm-hotels", "member": number})
    assert (anew.status, anew.json["account"] != source) == (201, True)
    assert quote(front, anew.json["account"], target).status == 200


def test_a_member_merged_by_number_is_erased_with_that_request(front: Front) -> None:
    source, number = fresh(front, "palm-hotels"), f"SBX-OK-CANARY-{secrets.token_hex(6)}"
    survivor = front.ask("POST", f"/v1/accounts/{source}/merged", {"into_member": number}).json["merged_into"]
    assert len(bodies_of(front, survivor)) == 1
    assert front.ask("DELETE", f"/v1/accounts/{survivor}").json["bodies_erased"] == 1


def test_no_membership_number_is_in_a_log_or_an_answer(front: Front) -> None:
    source, target, made = pair(front, name=CANARY)
    front.ask("POST", f"/v1/accounts/{source}/merged", {"into_member": f"SBX-OK-{CANARY}"})
    front.ask("DELETE", f"/v1/links/{made}")
    front.ask("DELETE", f"/v1/accounts/{target}", key="operator")
    logs.flush()
    assert "CANARY" not in front.log.getvalue()
    assert not [answer for answer in front.told if b"CANARY" in answer]


# --- commands


def test_the_story_of_a_member_on_the_command_line(front: Front) -> None:
    house: list[Any] = ["--key", front.folder / "palm.jwk", "--url", f"http://{front.host}"]
    source, target = fresh(front, "palm-hotels"), fresh(front, "lotus-air")
    told = clearing("link", source, target, "--name", "Ada", "--scope", "exchange", "--channel", "lotus", *house)
    made = json.loads(told.stdout)
    assert made["consent"]["channels"] == ["lotus"]
    withdrawn = json.loads(clearing("consent", "withdraw", made["link"], *house).stdout)
    assert withdrawn["consent"]["withdrawn_at"] is not None
    given = clearing("consent", "give", made["link"], "--scope", "accrual", "--channel", "palm", *house)
    assert json.loads(given.stdout)["consent"]["scope"] == ["accrual"]
    assert json.loads(clearing("unlink", made["link"], *house).stdout)["ended_reason"] == "unlinked"
    assert clearing("link", source, target, "--scope", "exchange", *house).returncode == 2
    assert clearing("erase", source, *house).returncode == 1  # nobody said yes
    assert json.loads(clearing("erase", source, "--yes", *house).stdout)["standing"] == "erased"
    refused = clearing("link", source, target, *house)
    assert (refused.returncode, "account_closed" in refused.stderr) == (4, True)

"""What has changed between a quote and its exchange: decided by the books as it is when the exchange is submitted, without a trace."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.wire.front_room import Front
from tests.wire.test_front_members import consent, fresh, link, pair, quote


def test_a_quote_is_refused_once_its_consent_is_withdrawn_and_good_again_with_a_new_one(front: Front) -> None:
    source, target, made = pair(front, consent=consent("lotus"))
    priced = quote(front, source, target, "lotus").json["quote"]
    at = f"/v1/links/{made}/consent"
    for scope in (None, "redemption"):  # withdrawn, and replaced by one that covers something else
        front.ask("DELETE", at) if scope is None else front.ask("POST", at, consent("lotus", scope=scope))
        late = front.ask("POST", "/v1/exchanges", {"quote": priced}, key="lotus")
        assert (late.status, late.code) == (403, "consent_missing")
    assert no_trace(front, source)
    front.ask("POST", at, consent("lotus"))
    done = front.ask("POST", "/v1/exchanges", {"quote": priced}, key="lotus", headers={"prefer": "wait=20"})
    assert (done.status, done.json["state"]) == (201, "completed")


def test_a_quote_is_refused_once_the_link_that_a_rule_wants_has_ended(front: Front) -> None:
    source, target = fresh(front, "strict"), fresh(front, "lotus-air")
    made = link(front, source, target).json["link"]
    with psycopg.connect(front.url) as connection:
        connection.execute("UPDATE link SET linked_at = linked_at - interval '2 days' WHERE link = %s", [made])
    priced = quote(front, source, target).json["quote"]
    front.ask("DELETE", f"/v1/links/{made}")
    assert front.ask("POST", "/v1/exchanges", {"quote": priced}).code == "not_linked"
    link(front, source, target)  # a new one is too young for what the old one was good for
    assert front.ask("POST", "/v1/exchanges", {"quote": priced}).code == "link_too_new"
    assert no_trace(front, source)


@pytest.mark.parametrize("known", [True, False], ids=["in_the_process_that_quoted", "in_another"])
def test_a_quote_is_honoured_by_the_rules_of_links_that_it_was_given_under(
    front: Front, monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    if not known:
        monkeypatch.setattr(front.house.issued, "find", lambda _token: None)
    source, target = fresh(front, "palm-hotels"), fresh(front, "lotus-air")
    free = quote(front, source, target).json["quote"]  # no rule wants these two linked
    strict, miles = fresh(front, "strict"), fresh(front, "lotus-air")
    made = link(front, strict, miles).json["link"]
    with psycopg.connect(front.url) as connection:
        connection.execute("UPDATE link SET linked_at = linked_at - interval '2 days' WHERE link = %s", [made])
    bound = quote(front, strict, miles).json["quote"]
    front.ask("DELETE", f"/v1/links/{made}")  # from now on the books look at members again
    with (
        ruled(front, "palm-hotels", link_age_days=2),
        ruled(front, "strict", link_age_days=0, one_card_per_account=False),
    ):
        assert quote(front, source, target).code == "not_linked"
        done = front.ask("POST", "/v1/exchanges", {"quote": free}, headers={"prefer": "wait=20"})
        assert (done.status, done.json.get("state")) == (201, "completed")
        assert quote(front, strict, miles).status == 200
        assert front.ask("POST", "/v1/exchanges", {"quote": bound}).code == "not_linked"
    assert no_trace(front, strict)


@contextmanager
def ruled(front: Front, program: str, **rules: object) -> Iterator[None]:
    """The program declares other rules meanwhile, and the house knows."""

    def declare(capabilities: dict[str, object]) -> None:
        with psycopg.connect(front.url) as connection:
            connection.execute(
                "UPDATE program SET capabilities = %s WHERE program = %s", [Jsonb(capabilities), program]
            )
        front.house.live.forget()

    with psycopg.connect(front.url) as connection:
        found = connection.execute("SELECT capabilities FROM program WHERE program = %s", [program]).fetchone()
    assert found is not None
    declare(found[0] | rules)
    try:
        yield
    finally:
        declare(found[0])


def no_trace(front: Front, account: str) -> bool:
    """Whether the books know nothing of this account."""
    with psycopg.connect(front.url) as connection:
        known = connection.execute("SELECT count(*) FROM exchange WHERE source_account = %s", [account]).fetchone()
    return known == (0,)

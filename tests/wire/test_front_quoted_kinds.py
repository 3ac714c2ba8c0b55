"""Kinds with two accounts, over the wire with real programs: transfer, gift, donation, cash-back, and their reversals."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.wire.front_room import Answer, Front
from tests.wire.kinds_room import WAIT, findings, has, member, owes, proves, reverse


@pytest.fixture(scope="module", autouse=True)
def _books_add_up(front: Front) -> Iterator[None]:
    yield
    assert findings(front) == []


def quote(front: Front, source: str, target: str, key: str = "lotus", **said: Any) -> Answer:
    wish = {"source_account": source, "target_account": target} | said
    return front.ask("POST", "/v1/quotes", wish, key=key)


def moved(front: Front, quoted: Answer, key: str = "lotus") -> dict[str, Any]:
    assert quoted.status == 200, quoted.body
    answer = front.ask("POST", "/v1/exchanges", {"quote": quoted.json["quote"]}, key=key, headers=WAIT)
    assert (answer.status, answer.json["state"]) == (201, "completed"), answer.body
    found: dict[str, Any] = answer.json
    return found


# kind, from, to, who asks, sent, received, what the source owes, what the target is owed
KINDS = [
    ("gift", "lotus-air", "lotus-air", "lotus", 600, 600, 0, 0),
    ("transfer", "lotus-air", "lotus-air", "lotus", 600, 600, 0, 0),
    ("transfer", "palm-hotels", "lotus-air", "palm", 600, 200, 600 * 3_500, 200 * 9_000),
    ("donation", "lotus-air", "relief", "lotus", 600, 600, 600 * 7_000, 600 * 4_000),
    ("cash_back", "lotus-air", "purse", "lotus", 600, 300, 600 * 7_000, 300 * 10_000),
    ("exchange", "palm-hotels", "lotus-air", "palm", 600, 200, 600 * 3_500, 200 * 9_000),
]


@pytest.mark.parametrize("parts", [(None,), (300, None)], ids=["whole", "parts"])
@pytest.mark.parametrize("row", KINDS, ids=lambda row: f"{row[0]} {row[1]} {row[2]}")
def test_a_kind_moves_what_was_quoted_and_is_undone(
    front: Front, row: tuple[str, str, str, str, int, int, int, int], parts: tuple[int | None, ...]
) -> None:
    kind, source_program, target_program, key, sent, received, debit, credit = row
    source, target = member(front, source_program), member(front, target_program)
    had = [has(front, source_program, source), has(front, target_program, target)]
    before = owes(front, "lotus", "palm")
    quoted = quote(front, source, target, key, sent=sent, kind=kind)
    said = moved(front, quoted, key)
    assert (quoted.json["kind"], said["kind"]) == (kind, kind)
    assert (said["source"]["amount"], said["target"]["amount"]) == (sent, received)
    assert (said["debit"], said["credit"], said["fee"]) == (debit, credit, debit - credit)
    assert [has(front, source_program, source), has(front, target_program, target)] == [
        had[0] - sent,
        had[1] + received,
    ]
    assert proves(front, said, key)
    for part in parts:
        back = reverse(front, said["exchange"], part, key).json
        assert (back["kind"], back["state"]) == (kind, "completed"), back
        assert proves(front, back, key)
    assert [has(front, source_program, source), has(front, target_program, target)] == had
    assert owes(front, "lotus", "palm") == before


def test_rules_of_links_are_for_two_programs(front: Front) -> None:
    ends = member(front, "strict"), member(front, "strict")
    assert quote(front, *ends, "palm", sent=600, kind="gift").status == 200
    answer = quote(front, ends[0], member(front), "palm", sent=600, kind="transfer")
    assert (answer.status, answer.code) == (422, "not_linked")


def test_a_gift_may_be_named_by_what_arrives(front: Front) -> None:
    quoted = quote(front, member(front), member(front), received=70, kind="gift")
    assert (quoted.json["source"]["amount"], quoted.json["target"]["amount"], quoted.json["debit"]) == (70, 70, 0)


def test_without_a_kind_it_is_an_exchange(front: Front) -> None:
    quoted = quote(front, member(front, "palm-hotels"), member(front), "palm", sent=3_000)
    assert (quoted.status, quoted.json["kind"]) == (200, "exchange")


MISFITS: list[tuple[str, str, str, str]] = [
    ("gift", "palm-hotels", "lotus-air", "palm"),
    ("exchange", "lotus-air", "lotus-air", "lotus"),
    ("exchange", "lotus-air", "relief", "lotus"),
    ("transfer", "lotus-air", "relief", "lotus"),
    ("cash_back", "lotus-air", "relief", "lotus"),
    ("exchange", "lotus-air", "purse", "lotus"),
    ("donation", "lotus-air", "purse", "lotus"),
    ("donation", "palm-hotels", "lotus-air", "palm"),
    ("cash_back", "palm-hotels", "lotus-air", "palm"),
    ("donation", "lotus-air", "lotus-air", "lotus"),
    ("transfer", "relief", "lotus-air", "palm"),
    ("exchange", "purse", "lotus-air", "palm"),
    ("gift", "relief", "relief", "palm"),
]


@pytest.mark.parametrize(("kind", "source", "target", "key"), MISFITS)
def test_a_kind_that_does_not_lead_there_is_refused_and_leaves_nothing(
    front: Front, kind: str, source: str, target: str, key: str
) -> None:
    ends = member(front, source), member(front, target)
    before = front.books()
    answer = quote(front, *ends, key, sent=600, kind=kind)
    assert (answer.status, answer.code, answer.signed) == (422, "kind_mismatch", True)
    assert front.books() == before


@pytest.mark.parametrize("kind", ["gift", "transfer"])
def test_nobody_gives_to_itself(front: Front, kind: str) -> None:
    account = member(front)
    assert quote(front, account, account, sent=600, kind=kind).code == "kind_mismatch"


@pytest.mark.parametrize("kind", ["accrual", "redemption", "present", ""])
def test_other_words_are_no_kinds_of_a_quote(front: Front, kind: str) -> None:
    answer = quote(front, member(front), member(front), sent=600, kind=kind)
    assert (answer.status, answer.code) == (422, "validation_failed")


def test_another_partners_member_gives_nothing(front: Front) -> None:
    answer = quote(front, member(front), member(front), "palm", sent=600, kind="gift")
    assert (answer.status, answer.code) == (403, "not_your_member")


def test_a_gift_to_a_closed_account_is_refused(front: Front) -> None:
    source, target = member(front), member(front)
    front.ask("POST", f"/v1/accounts/{target}/closed", {}, key="lotus")
    answer = quote(front, source, target, sent=600, kind="gift")
    assert (answer.status, answer.code, answer.json["side"]) == (409, "account_closed", "target")


def test_programs_say_what_their_units_are(front: Front) -> None:
    listed = front.ask("GET", "/v1/programs").json["programs"]
    said = {program["program"]: program["nature"] for program in listed}
    assert (said["lotus-air"], said["relief"], said["purse"]) == ("points", "charity", "money")

"""Laws of an explanation: the leaves are the figure, on pages of any size, and every leaf leads to a signed request."""

import pytest

from clearing import errors
from clearing.ledger.items import Lodge
from clearing.rules.agreements import Postpaid
from settlement import books
from settlement.books import Chart, Explained, Span
from settlement.books.explain import BEGINNING
from tests.agreed import terms
from tests.conftest import FixedClock
from tests.ledger.books import HOTEL, House, moved_in, uid
from tests.settlement.lively import Lively
from tests.settlement.test_journals import windows


async def pages(house: House, chart: Chart, name: str, span: Span, most: int) -> list[Explained]:
    account, found, after = chart.named(name), [], BEGINNING
    assert account is not None
    while True:
        page = await books.explain_account(house.owner, chart, account, span, after, most)
        found.append(page)
        if page.following is None:
            return found
        after = page.following


@pytest.mark.parametrize("most", [3, 500])
async def test_the_leaves_of_any_figure_add_up_to_it_on_pages_of_any_size(lively: House, most: int) -> None:
    chart, lived = await books.chart(lively.owner), await windows(lively)
    balance = await lively.balance()
    for code in [None, lived[1], lived[-1]]:
        span = await books.span_of(lively.owner, lively.lane, code, code)
        for account in chart.accounts.values():
            found = await pages(lively, chart, account.name, span, most)
            assert [page.adds_up for page in found] == [True] * len(found)
            assert found[-1].carried == found[0].figure
            leaves = [leaf for page in found for leaf in page.leaves]
            assert sum(leaf.amount for leaf in leaves) == found[0].figure
            assert len({leaf.place for leaf in leaves}) == len(leaves)
            if code is None:
                assert found[0].figure == balance.get(account.number, 0)


async def test_cover_is_explained_by_its_movements(house: House) -> None:
    for reference, value in (("wire 1", 1_000), ("back 1", -300)):
        await house.put(Lodge(uid(reference), HOTEL, value, (terms(HOTEL, Postpaid(0)),), reference, uid("evidence")))
    chart, span = await books.chart(house.owner), await books.span_of(house.owner, house.lane)
    for name, figure in (("hotel.cover", -700), ("house.funds", 700)):
        (page,) = await pages(house, chart, name, span, 500)
        assert (page.figure, page.carried, page.adds_up) == (figure, figure, True)
        assert [(cause.kind, cause.terms) for cause in page.causes] == [
            ("lodged", "cover, wire 1"),
            ("lodged", "cover, back 1"),
        ]


async def test_every_leaf_leads_to_its_exchange_its_terms_and_the_signed_request(lively: House) -> None:
    chart, span = await books.chart(lively.owner), await books.span_of(lively.owner, lively.lane)
    (page,) = await pages(lively, chart, "hotel.position", span, 500)
    causes = {cause.exchange_id: cause for cause in page.causes}
    assert {leaf.exchange_id for leaf in page.leaves} == set(causes)
    kept = {row[0] for row in await lively.rows("SELECT evidence_id FROM evidence")}
    assert {cause.evidence_id for cause in page.causes} <= kept
    assert {cause.terms for cause in page.causes} == {"corridor 1, prices 1 and 1"}
    assert any(cause.original_id for cause in page.causes)
    bonus = [cause for cause in page.causes if cause.shares and cause.original_id is None]
    assert ("summer", HOTEL, 60, 1_201) in bonus[0].shares
    funded = [
        leaf.amount for leaf in page.leaves if leaf.event == "bonus_posted" and leaf.exchange_id == bonus[0].exchange_id
    ]
    assert funded == [1_201]  # the leaf is the share


async def test_a_figure_whose_kept_sum_was_changed_does_not_add_up(lively: House) -> None:
    chart, span = await books.chart(lively.owner), await books.span_of(lively.owner, lively.lane)
    await lively.owner.execute("UPDATE position_slice SET debits = debits + 1 WHERE account = 24")
    (page,) = await pages(lively, chart, "hotel.position", span, 500)
    assert not page.adds_up


async def test_an_exchange_is_explained_with_its_reversals_wherever_it_stands(lively: House) -> None:
    chart = await books.chart(lively.owner)
    every = await lively.rows("SELECT exchange_id, original_id FROM exchange")
    booked = await lively.rows("SELECT exchange_id, count(*) FROM entry GROUP BY exchange_id")
    counts = {row[0]: row[1] for row in booked}
    for exchange_id, original in every:
        if original is not None:
            continue
        found = await books.explain_exchange(lively.owner, chart, lively.lane, exchange_id)
        family = [one for one, of in every if exchange_id in {one, of}]
        assert {cause.exchange_id for cause in found.causes} == set(family)
        assert len(found.leaves) == sum(counts.get(one, 0) for one in family)
        assert found.adds_up
    with pytest.raises(errors.NotFound):
        await books.explain_exchange(lively.owner, chart, lively.lane, uid("nobody"))


async def test_an_exchange_that_was_taken_back_whole_leaves_nothing_anywhere(
    database_url: str, clock: FixedClock
) -> None:
    async with moved_in(database_url, clock) as house:
        story = Lively(house)
        await story.begin()
        await story.exchange("x0")
        await story.undo("x1")
        found = await books.explain_exchange(house.owner, await books.chart(house.owner), house.lane, uid("x0"))
        sums: dict[str, int] = {}
        for leaf in found.leaves:
            sums[leaf.account.name] = sums.get(leaf.account.name, 0) + leaf.amount
        assert set(sums.values()) == {0}
        assert "hotel.position" in sums


async def test_the_documents_that_priced_an_exchange_are_named_by_their_digests(
    database_url: str, clock: FixedClock
) -> None:
    async with moved_in(database_url, clock) as house:
        terms = "card 3, agreements 1 and 2"
        await house.complete(terms_version=terms)
        card = "INSERT INTO rate_card VALUES ('nights', 'miles', %s, %s, %s, %s, '{}', 'a', 'b', %s)"
        agreed = (
            "INSERT INTO agreement (partner, version, valid_from, announced_at, digest, document, proposed_by, confirmed_by,"
            " evidence_id) VALUES (%s, %s, %s, %s, %s, '{}', 'a', 'b', %s)"
        )
        now, paper = house.clock(), uid("paper")
        for version in (2, 3):
            at = now.replace(day=version)
            await house.owner.execute(card, [version, at, at, f"{version:064x}", paper])
            for place, partner in enumerate(("hotel", "air")):
                digest = f"{version + 10 * (place + 1):064x}"
                await house.owner.execute(agreed, [partner, version - 1, at, at, digest, paper])
        found = await books.explain_exchange(house.owner, await books.chart(house.owner), house.lane, uid(1))
        (cause,) = found.causes
        assert (cause.card, cause.agreements) == (f"{3:064x}", (f"{12:064x}", f"{23:064x}"))
        assert cause.terms == terms

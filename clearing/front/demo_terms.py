"""Scenes of the demo about terms: real rules priced, a shop that issues and takes points, a campaign that runs out."""

import json
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from rich.table import Table

from clearing.client import Clearing, Problem
from clearing.front.story import WAIT_SECONDS, Story, common
from clearing.rules.asks import Ask, Priced, Used
from clearing.rules.card_json import read_card
from clearing.rules.pricing import price
from clearing.rules.shapes import Fault

BOUGHT, RETURNED, SPENT_MEANWHILE = 500, 200, 1_937  # the sandbox finds …937 units spent when they are to be taken back
HELD, TAKEN = 5_000, 3_200
IN_THE_CAMPAIGN = 20_000


def pricing(story: Story) -> None:
    """A dozen rules of the real world, priced from their rate cards"""
    table = Table("rule", "points", "gives", title="Rate cards", title_justify="left")
    shown = json.loads(files("clearing.front").joinpath("showcase.json").read_text(encoding="utf-8"))
    wrong = []
    for one in shown:
        gives = _priced(one["card"], one["ask"])
        table.add_row(one["title"], f"{one['ask']['points']:,}", f"{gives:,}" if isinstance(gives, int) else gives)
        if gives != one["gives"]:
            wrong.append(one["title"])
    story.console.print(table)
    story.shows(
        "every card is read and prices what was published",
        held=not wrong,
        detail=", ".join(wrong) or f"{len(shown)} cards",
    )


def _priced(document: Any, ask: dict[str, Any]) -> int | str:
    """The units that this card gives, or why it refuses."""
    card = read_card(document)
    if isinstance(card, Fault):
        return card.detail
    used = Used(day=ask.get("used_day", 0))
    named = {name: ask[name] for name in ("points", "tier", "card", "channel", "link_age_days") if name in ask}
    found = price(card, Ask(at=datetime.fromisoformat(ask["at"]), used=used, used_program=used, **named))
    return found.received if isinstance(found, Priced) else found.code


def accruing(story: Story) -> None:
    """A shop issues miles for what was bought, some of it comes back, and once the miles are spent already"""
    corner = story.stage.client("corner")
    before = story.balance("lotus-air")
    bought = _accrued(corner, story.target, BOUGHT, "receipt-1")
    story.shows(
        "the miles are there, and the shop owes for them",
        held=bought["state"] == "completed",
        detail=f"debit {common(bought['debit'])}",
    )
    again = _refused(lambda: corner.accrue(story.target, BOUGHT, datetime.now(UTC), "receipt-1", key="receipt-1-again"))
    story.shows(
        "a receipt is paid once",
        held=again == "reference_used",
        detail=again,
    )
    back = corner.reverse(bought["exchange"], RETURNED, "brought back", "return-1", wait=WAIT_SECONDS)
    gained = story.balance("lotus-air") - before
    story.shows(
        "a part is brought back: that part is clawed back",
        held=(back["state"], gained) == ("completed", BOUGHT - RETURNED),
        detail=f"{gained:+,} miles",
    )
    hotel = story.balance("palm-hotels")
    spent = _accrued(corner, story.source, SPENT_MEANWHILE, "receipt-2")
    borne = corner.reverse(spent["exchange"], SPENT_MEANWHILE, "brought back", "return-2", wait=WAIT_SECONDS)
    kept = story.balance("palm-hotels") - hotel
    story.shows(
        "the points are spent: the hotel bears them, as agreed, and the shop has its value back",
        held=(borne["state"], borne["shortfall"], kept) == ("completed", SPENT_MEANWHILE, SPENT_MEANWHILE),
        detail=f"{borne['shortfall']:,} points of shortfall",
    )


def redeeming(story: Story) -> None:
    """Points are spent at the shop: held with the member's consent, captured in part"""
    corner = story.stage.client("corner")
    refused = _refused(
        lambda: corner.redeem(story.source, HELD, datetime.now(UTC), "table-1", later=True, key="no-consent")
    )
    story.shows(
        "without the member's consent nothing is held",
        held=refused == "consent_missing",
        detail=refused,
    )
    link = story.palm.link(story.source, story.target, key="link")
    story.palm.consent(link["link"], ["redemption"], ["corner"], key="consent")
    before = story.balance("palm-hotels")
    held = corner.redeem(story.source, HELD, datetime.now(UTC), "table-2", later=True, key="table-2", wait=WAIT_SECONDS)
    story.shows(
        f"{HELD:,} points are held",
        held=held["held"] == HELD,
        detail=f"until {held['capture_by']}",
    )
    done = corner.capture(held["exchange"], TAKEN, "table-2-capture", wait=WAIT_SECONDS)
    gone = before - story.balance("palm-hotels")
    story.shows(
        f"{TAKEN:,} are captured, the rest goes back",
        held=(done["state"], gone) == ("completed", TAKEN),
        detail=f"the shop is owed {common(done['credit'])}",
    )


def running_out(story: Story) -> None:
    """A campaign of two funders runs out of budget: stopped at the moment, and never repriced"""
    gold = [story.palm.quote(story.source, story.target, sent=IN_THE_CAMPAIGN, tier="gold") for _ in range(2)]
    shares = [f"{one['funder']} {one['units']:,} for {common(one['value'])}" for one in gold[0]["bonus"]]
    story.shows(
        "a gold member is quoted a fifth more",
        held=sum(one["units"] for one in gold[0]["bonus"]) == IN_THE_CAMPAIGN // 10,
        detail=", ".join(shares),
    )
    before = story.balance("lotus-air")
    first = story.palm.exchange(gold[0]["quote"], "gold-1", wait=WAIT_SECONDS)
    second = _refused(lambda: story.palm.exchange(gold[1]["quote"], "gold-2", wait=WAIT_SECONDS))
    story.shows(
        "the first quote is honoured",
        held=first["state"] == "completed",
        detail=first["exchange"],
    )
    story.shows(
        "the second finds the budget used up",
        held=second == "campaign_exhausted",
        detail=second,
    )
    plain = story.palm.quote(story.source, story.target, sent=IN_THE_CAMPAIGN)
    story.shows("without a bonus the rate is what it was", held=plain["target"]["amount"] == IN_THE_CAMPAIGN // 2)
    gained = (
        story.stage.settled_balance("lotus-air", story.target, before + IN_THE_CAMPAIGN // 2 + IN_THE_CAMPAIGN // 10)
        - before
    )
    story.shows(
        "base and bonus arrived, apart",
        held=gained == IN_THE_CAMPAIGN // 2 + IN_THE_CAMPAIGN // 10,
        detail=f"{gained:+,} miles",
    )


def _accrued(corner: Clearing, account: str, units: int, receipt: str) -> Any:
    return corner.accrue(account, units, datetime.now(UTC), receipt, key=receipt, wait=WAIT_SECONDS)


def _refused(work: Any) -> str:
    """The code by which this is refused."""
    try:
        work()
    except Problem as problem:
        return str(problem.code)
    return "it was not refused"

"""What a member loses who sends points there and what they gave back again: computed from the two cards of a pair, and shown."""

from dataclasses import dataclass, replace
from fractions import Fraction

from clearing.rules.asks import Ask, Priced
from clearing.rules.cards import Card
from clearing.rules.pricing import price, rate_in_force
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.units import Ratio

AMOUNT_REFUSED = {RefusalCode.BELOW_MINIMUM, RefusalCode.LIMIT_EXCEEDED}
"""The way back is open, only not for so little or not for more today."""


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """`sent` points gave `received` units; `sent_back` of them gave `returned` points, and `left` units did not fit the way back.

    `lost` is the exact fraction by the ratios alone, below zero for a gain: where blocks or limits let nothing travel back, it is by the
    ratio that the way back publishes for its smallest amount. None, with the `refusal`, where it has no ratio at all.
    """

    sent: int
    received: int
    sent_back: int
    left: int
    returned: int
    lost: Fraction | None
    refusal: Refusal | None

    @property
    def lost_points(self) -> int | None:
        """The loss in points sent, rounded up."""
        return None if self.lost is None else -(-self.lost.numerator * self.sent // self.lost.denominator)


def round_trip(card: Card, back: Card, ask: Ask) -> RoundTrip | Refusal:
    """There by `card`, and back by `back` at the same instant, for a member of the same tier, card and channel who used nothing there.

    Refused where the way there is. Raises ValueError when `back` does not lead from the target of `card` to its source.
    """
    if (back.source, back.target) != (card.target, card.source):
        message = f"the way back from {card.target} to {card.source} is no card from {back.source} to {back.target}"
        raise ValueError(message)
    there = price(card, ask)
    if isinstance(there, Refusal):
        return there
    returning = Ask(
        ask.at, there.received, tier=ask.tier, card=ask.card, channel=ask.channel, link_age_days=ask.link_age_days
    )
    home = price(replace(back, trims=True), returning)
    if isinstance(home, Refusal) and home.next_valid and home.next_valid[0] < there.received:
        home = price(back, replace(returning, points=home.next_valid[0]))  # above a maximum or limit: what it leaves
    if isinstance(home, Refusal):
        rate = rate_in_force(back, returning) if home.code in AMOUNT_REFUSED else None
        lost = None if rate is None else _lost(there, rate.bands[0].ratio)
        return RoundTrip(there.sent, there.received, 0, there.received, 0, lost, home)
    lost = _lost(there, Ratio(home.received, home.sent))
    left = there.received - home.sent
    return RoundTrip(there.sent, there.received, home.sent, left, home.received, lost, None)


def _lost(there: Priced, back: Ratio) -> Fraction:
    """Law: nothing is lost exactly when what came back per point sent is one point."""
    return 1 - Fraction(there.received * back.num, there.sent * back.den)

"""What one party is told: the frame of a run and what was booked, as a statement. Pure, so it is made wherever there is a processor."""

from collections.abc import Sequence

from settlement.rules.money import MICRO_DIGITS
from settlement.rules.statement import Payment, Statement, state
from settlement.rules.statement_booked import entries_of, line_of
from settlement.rules.statement_lines import Line
from settlement.stating.frame import Frame


def of_partner(frame: Frame, number: int, texts: Sequence[str]) -> Statement | None:
    """The statement of a partner by its entries; None where there is nothing to tell."""
    nets, lines = dict.fromkeys(frame.windows, 0), []
    codes = {other: party.code for other, party in frame.parties.items()}
    for text in texts:
        for entry in entries_of(text, frame.parts):
            lines.append(line_of(entry, codes[entry.other]))
            nets[entry.window] -= entry.amount
    partner = frame.parties[number].code
    return _statement(frame, number, lines, sum(nets.values()), frame.payment(partner, nets))


def of_house(frame: Frame, number: int, lines: Sequence[Line]) -> Statement | None:
    """The house's own statement; it is paid nothing."""
    return _statement(frame, number, lines, sum(line.net for line in lines), None)


def _statement(
    frame: Frame, number: int, booked: Sequence[Line], net: int, payment: Payment | None
) -> Statement | None:
    """What is told of this party, exactly to the millionth."""
    partner = frame.parties[number]
    lines = [*booked, *frame.shares.lines.get(partner.code, ())]
    opening, settled = frame.opening.get(number, 0), frame.settled.get(number, ())
    if not (lines or opening or settled or payment):
        return None
    return state(
        reference=f"{frame.run}-{partner.code}",
        partner=partner,
        counterparties=frame.parties.values(),
        periods=tuple(frame.windows.values()),
        currency=frame.currency,
        digits=MICRO_DIGITS,
        made_at=frame.made_at,
        opening=opening,
        lines=lines,
        net=net + frame.shares.net(partner.code),
        settled=settled,
        payment=payment,
    )

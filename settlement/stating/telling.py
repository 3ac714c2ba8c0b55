"""What one party is told: the frame of a run and what was booked, as a statement. Pure, so it is made wherever there is a processor."""

from collections.abc import Mapping, Sequence

from settlement.rules.money import MICRO_DIGITS
from settlement.rules.statement import Statement, state
from settlement.rules.statement_booked import entries_of, line_of
from settlement.rules.statement_lines import Line
from settlement.rules.statement_shares import drawn_for
from settlement.stating.frame import Frame


def of_partner(frame: Frame, number: int, texts: Sequence[str]) -> Statement | None:
    """The statement of a partner by its entries; None where there is nothing to tell."""
    nets, lines = dict.fromkeys(frame.windows, 0), []
    codes = {other: party.code for other, party in frame.parties.items()}
    for text in texts:
        for entry in entries_of(text, frame.parts):
            lines.append(line_of(entry, codes[entry.other]))
            nets[entry.window] -= entry.amount
    return _statement(frame, number, lines, nets)


def of_house(frame: Frame, number: int, lines: Sequence[Line]) -> Statement | None:
    """The house's own statement; it is paid nothing."""
    return _statement(frame, number, lines, {number: sum(line.net for line in lines)})


def _statement(frame: Frame, number: int, booked: Sequence[Line], nets: Mapping[int, int]) -> Statement | None:
    """What is told of this party, exactly to the millionth; `nets` are what its lines of each window come to."""
    partner = frame.parties[number]
    lines = [*booked, *frame.shares.lines.get(partner.code, ())]
    opening, settled = frame.opening.get(number, 0), frame.settled.get(number, ())
    payment, payments = frame.payment(partner.code, nets), frame.payments(partner.code, nets)
    cover = frame.covers.get(number)
    moved = cover is not None and (cover.lodged or cover.withdrawn)
    if not (lines or opening or settled or payment or payments or moved):
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
        net=sum(nets.values()) + frame.shares.net(partner.code),
        settled=settled,
        payment=payment,
        cover=cover,
        payments=payments,
        waterfalls=drawn_for(frame.run, frame.inputs.sharing, partner.code),
    )

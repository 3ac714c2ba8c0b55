"""A picture of what a contract made of a base, as SVG: from the base down, leg by leg, who gets what; then what moved beside it.

Rows, not columns, so that names have room: they are broken into lines, never cut. Bars are told apart by dark, light, hatched and dashed,
so that the picture reads the same in black and white. All coordinates are whole numbers: the same waterfall gives the same bytes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from unicodedata import east_asian_width

from settlement.reports.figures import grouped
from settlement.rules.money import MICRO_DIGITS
from settlement.rules.sharing import Leg
from settlement.rules.statement_shares import Drawn

WIDTH = 960
LEGS_MAX = 12
"""Legs of one step that have a row each; the smaller ones share one."""

_FONT = "font-family='Libertinus Serif, serif'"
_SIDE, _TOP, _BAR_X, _BAR_WIDTH = 24, 66, 330, 410
_NAME_WIDTH = _BAR_X - _SIDE - 16
_LINE, _GAP, _SIZE = 15, 9, 12
_TALL = 15
_FULL = "fill='#41566b' stroke='#222'"
_OF_BASE = "fill='#a9cdbb' stroke='#222'"
_BESIDE = "fill='url(#hatched)' stroke='#222'"
_OTHERS = "fill='#fff' stroke='#222' stroke-dasharray='4 3'"
_HATCHED = (
    "<defs><pattern id='hatched' width='6' height='6' patternUnits='userSpaceOnUse'>"
    "<rect width='6' height='6' fill='#fff'/><path d='M0 6L6 0' stroke='#222' stroke-width='1'/></pattern></defs>"
)
_KEY = ((_FULL, "the base"), (_OF_BASE, "out of it"), (_BESIDE, "beside it"), (_OTHERS, "others together"))


@dataclass(frozen=True, slots=True)
class Bar:
    """A row: what it is called, from where to where it goes, in micros, and how it is filled."""

    name: str
    begins: int
    ends: int
    look: str


def share_picture(told: Drawn, names: Mapping[str, str], currency: str | None) -> str:
    """The waterfall as its reader is told it. `names` are those of parties, by code. Law: the rows out of the base lead from it to zero."""
    bars = list(_bars(told, names))
    rows = [(_broken(bar.name, _NAME_WIDTH), bar) for bar in bars]
    most = max([1, *(max(abs(bar.begins), abs(bar.ends)) for bar in bars)])
    shapes, y = [], _TOP
    for lines, bar in rows:
        shapes += [_text(_SIDE, y + _LINE * (place + 1) - 4, line) for place, line in enumerate(lines)]
        low, high = sorted((bar.begins, bar.ends))
        x, until = _BAR_X + low * _BAR_WIDTH // most, _BAR_X + high * _BAR_WIDTH // most
        shapes.append(f"<rect x='{x}' y='{y}' width='{max(1, until - x)}' height='{_TALL}' {bar.look}/>")
        shapes.append(_text(WIDTH - _SIDE, y + _LINE - 4, grouped(high - low, MICRO_DIGITS, 2), "end"))
        y += _LINE * len(lines) + _GAP
    titles = _broken(_title(told), WIDTH - 2 * _SIDE)
    unit = f"Amounts in {currency or 'the common unit'}."
    above = [*titles, f"{unit} Legs between others are told together." if told.others else unit]
    moved = _LINE * (len(above) - 2)
    body = "".join(shapes)
    head = "".join([_text(_SIDE, 18 + _LINE * place, line) for place, line in enumerate(above)])
    title = f"<title>{escape(_title(told))}</title>"
    height = y + moved + 6
    size = f"width='{WIDTH}' height='{height}' viewBox='0 0 {WIDTH} {height}'"
    shifted = f"<g transform='translate(0 {moved})'>{_keys()}{body}</g>"
    white = f"<rect width='{WIDTH}' height='{height}' fill='#fff'/>"
    return f"<svg xmlns='http://www.w3.org/2000/svg' {size}>{title}{_HATCHED}{white}{head}{shifted}</svg>\n"


def _title(told: Drawn) -> str:
    what = f"what {told.run} shared of {told.window}"
    if told.undone is not None:
        what = f"what {told.run} took back of {told.window}, shared by {told.undone}"
    return f"{told.contract}, version {told.version}: {what}"


# --- rows


def _bars(told: Drawn, names: Mapping[str, str]) -> Iterator[Bar]:
    back, left = told.undone is not None, told.base
    inside = [leg for leg in told.legs if leg.of_base and leg.amount]
    yield Bar(_base(inside, names, back=back), 0, left, _FULL)
    for leg_name, amount in _rows(inside, lambda leg: _from_base(leg, names, back=back)):
        yield Bar(leg_name, left, left - amount, _OF_BASE)
        left -= amount
    if told.others:
        yield Bar("between others", left, left - told.others, _OTHERS)
        left -= told.others
    if left:
        yield Bar("left by rounding", left, 0, _OTHERS)
    beside = [leg for leg in told.legs if leg.amount and not leg.of_base]
    for leg_name, amount in _rows(beside, lambda leg: _beside(leg, names)):
        yield Bar(leg_name, 0, amount, _BESIDE)


def _rows(legs: Sequence[Leg], called: Callable[[Leg], str]) -> Iterator[tuple[str, int]]:
    """Step by step the legs in their order; of a step with many, the smallest in one row. Law: they add up to the legs."""
    for step, group in groupby(legs, key=lambda leg: leg.step):
        ours = list(group)
        order = sorted(range(len(ours)), key=lambda place: (-ours[place].amount, place))
        rest = {*order[LEGS_MAX - 1 :]} if len(ours) > LEGS_MAX else set()
        for place, leg in enumerate(ours):
            if place not in rest:
                yield called(leg), leg.amount
        if rest:
            yield f"{step}: {len(rest)} smaller legs", sum(ours[place].amount for place in rest)


def _base(inside: Sequence[Leg], names: Mapping[str, str], *, back: bool) -> str:
    """The base, and who paid it, as far as a leg that is told says so."""
    payers = {leg.payee if back else leg.payer for leg in inside}
    payer = f", of {_name(payers.pop(), names)}" if len(payers) == 1 else ""
    return f"base that was reversed{payer}" if back else f"base{payer}"


def _from_base(leg: Leg, names: Mapping[str, str], *, back: bool) -> str:
    return f"{leg.step}: back from {_name(leg.payer, names)}" if back else f"{leg.step}: to {_name(leg.payee, names)}"


def _beside(leg: Leg, names: Mapping[str, str]) -> str:
    return f"{leg.step}: {_name(leg.payer, names)} to {_name(leg.payee, names)}"


def _name(code: str, names: Mapping[str, str]) -> str:
    return names.get(code) or code


# --- text


def _broken(text: str, width: int) -> list[str]:
    """The text in lines that are not broader than this, broken at spaces where there are any; no letter is lost."""
    lines, line = [], ""
    for word in text.split(" "):
        rest = word
        if line and _wide(f"{line} {rest}") <= width:
            line = f"{line} {rest}"
            continue
        if line:
            lines.append(line)
        while _wide(rest) > width:
            fits = next(size for size in range(len(rest) - 1, 0, -1) if _wide(rest[:size]) <= width)
            lines.append(rest[:fits])
            rest = rest[fits:]
        line = rest
    return [*lines, line]


def _wide(text: str) -> int:
    """How broad a text is at most, in tenths of a font's size rounded up to whole units."""
    tenths = sum(11 if east_asian_width(one) in "WF" else 8 if one.isupper() or one in "@%…—" else 6 for one in text)
    return -(-tenths * _SIZE // 10)


def _text(x: int, y: int, said: str, anchor: str = "start") -> str:
    return f"<text x='{x}' y='{y}' font-size='{_SIZE}' {_FONT} text-anchor='{anchor}' fill='#222'>{escape(said)}</text>"


def _keys() -> str:
    """What each filling means."""
    found = [
        f"<rect x='{_BAR_X + 104 * place}' y='44' width='12' height='12' {look}/>"
        + _text(_BAR_X + 104 * place + 17, 54, said)
        for place, (look, said) in enumerate(_KEY)
    ]
    return "".join(found)

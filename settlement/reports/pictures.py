"""Two pictures of a statement as SVG: how opening becomes closing, and between whom value went. All coordinates are whole numbers."""

from collections.abc import Iterator, Sequence
from html import escape

from settlement.reports.figures import grouped, steps
from settlement.rules.statement import Statement, Total

WIDTH, HEIGHT = 960, 300
FLOWS_MAX = 8
"""Counterparties that are shown one by one; the smaller ones are shown together."""

_FONT = "font-family='Libertinus Serif, serif'"
_PLUS, _MINUS, _STANDS = "#3a7d5c", "#b3504a", "#41566b"
_TOP, _BOTTOM, _SIDE = 50, 44, 30
_NODE, _GAP = 14, 10
_WIDE = 14  # characters that fit below or above a bar
_NAME_MAX = 24

Bar = tuple[str, int, int, str]
"""A name, from where to where in micros, and a colour."""


def waterfall(statement: Statement) -> str:
    """From opening to closing, each step from where the last one ended."""
    bars = list(_bars(statement))
    high, low = max(0, *(max(bar[1:3]) for bar in bars)), min(0, *(min(bar[1:3]) for bar in bars))
    room, span = HEIGHT - _TOP - _BOTTOM, max(1, high - low)
    place = (WIDTH - 2 * _SIDE) // len(bars)

    def y(value: int) -> int:
        return _TOP + (high - value) * room // span

    shapes = [f"<line x1='{_SIDE}' y1='{y(0)}' x2='{WIDTH - _SIDE}' y2='{y(0)}' stroke='#999' stroke-width='1'/>"]
    for number, (name, begins, ends, colour) in enumerate(bars):
        x, top = _SIDE + number * place, min(y(begins), y(ends))
        size, middle = max(1, abs(y(begins) - y(ends))), x + place // 2
        shapes.append(f"<rect x='{x + 8}' y='{top}' width='{place - 16}' height='{size}' fill='{colour}'/>")
        amount = ends if colour == _STANDS else ends - begins
        shapes.append(_text(middle, top - 6, grouped(amount, 6, statement.digits), "middle"))
        shapes.append(_text(middle, HEIGHT - 16, name, "middle"))
        if number + 1 < len(bars):
            across = x + place - 8
            shapes.append(f"<line x1='{across}' y1='{y(ends)}' x2='{across + 16}' y2='{y(ends)}' stroke='#999'/>")
    return _svg(shapes, f"From opening to closing, in {statement.currency}")


def _bars(statement: Statement) -> Iterator[Bar]:
    stands = statement.opening
    yield "opening", 0, stands, _STANDS
    for name, amount in steps(statement):
        yield name, stands, stands + amount, _PLUS if amount >= 0 else _MINUS
        stands += amount
    yield "closing", 0, stands, _STANDS


def flow(statement: Statement) -> str:
    """Left who owes the partner through the house, right whom it owes, as broad as the amount; fees and funding are among what it owes."""
    name_of = {party.code: party.name for party in statement.counterparties}
    totals = statement.figures.by_counterparty
    left = _streams([(name_of[one.name], _given(one)) for one in totals])
    right = _streams([(name_of[one.name], _taken(one)) for one in totals])
    most = max(1, sum(amount for _, amount in left), sum(amount for _, amount in right))
    room = HEIGHT - _TOP - _GAP * (FLOWS_MAX + 1)
    shapes: list[str] = []
    middle = WIDTH // 2

    def tall_of(streams: Sequence[tuple[str, int]]) -> int:
        return sum(max(1, amount * room // most) for _, amount in streams)

    for streams, x, inner in ((left, 250, middle - _NODE), (right, WIDTH - 250 - _NODE, middle + _NODE)):
        outer_y = inner_y = _TOP
        for name, amount in streams:
            size = max(1, amount * room // most)
            shapes.append(_band(x, outer_y, inner, inner_y, size, comes=inner < middle))
            colour = _PLUS if inner < middle else _MINUS
            shapes.append(f"<rect x='{x}' y='{outer_y}' width='{_NODE}' height='{size}' fill='{colour}'/>")
            at, anchor = (x - 8, "end") if inner < middle else (x + _NODE + 8, "start")
            said = f"{_short(name)}  {grouped(amount, 6, statement.digits)}"
            shapes.append(_text(at, outer_y + size // 2 + 4, said, anchor))
            outer_y += size + _GAP
            inner_y += size
    tall = max(2, tall_of(left), tall_of(right))
    shapes.append(f"<rect x='{middle - _NODE}' y='{_TOP}' width='{2 * _NODE}' height='{tall}' fill='{_STANDS}'/>")
    shapes.append(_text(middle, _TOP - 8, _short(statement.partner.name), "middle"))
    lowest = _TOP + max(tall, *(tall_of(one) + _GAP * len(one) for one in (left, right)))
    return _svg(shapes, f"From whom and to whom, in {statement.currency}", lowest + _GAP)


def _given(total: Total) -> int:
    return total.credit + max(0, -total.fee) + max(0, -total.funding)


def _taken(total: Total) -> int:
    return total.debit + max(0, total.fee) + max(0, total.funding)


def _streams(found: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """The largest, by amount and then by name; what is smaller than those together."""
    streams = sorted(((name, amount) for name, amount in found if amount), key=lambda one: (-one[1], one[0]))
    if len(streams) <= FLOWS_MAX:
        return streams
    rest = streams[FLOWS_MAX - 1 :]
    return [*streams[: FLOWS_MAX - 1], (f"{len(rest)} others", sum(amount for _, amount in rest))]


def _band(x: int, y: int, inner: int, inner_y: int, size: int, *, comes: bool) -> str:
    begin, end = (x + _NODE, inner) if comes else (x, inner)
    bend = (begin + end) // 2
    colour = _PLUS if comes else _MINUS
    path = (
        f"M{begin} {y}C{bend} {y} {bend} {inner_y} {end} {inner_y}"
        f"V{inner_y + size}C{bend} {inner_y + size} {bend} {y + size} {begin} {y + size}Z"
    )
    return f"<path d='{path}' fill='{colour}' fill-opacity='0.25'/>"


def sheet(statement: Statement) -> bytes:
    """Both pictures in one file, one above the other."""
    below = flow(statement).replace("<svg ", f"<svg y='{HEIGHT}' ", 1)
    whole = f"{_open(2 * HEIGHT)}<title>{escape(statement.reference)}</title>{waterfall(statement)}{below}</svg>\n"
    return whole.encode()


def _svg(shapes: Sequence[str], title: str, height: int = HEIGHT) -> str:
    return f"{_open(height)}<title>{escape(title)}</title>{_text(_SIDE, 14, title, 'start')}{''.join(shapes)}</svg>"


def _open(height: int) -> str:
    return f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height}' viewBox='0 0 {WIDTH} {height}'>"


def _short(name: str) -> str:
    return name if len(name) <= _NAME_MAX else f"{name[: _NAME_MAX - 1]}…"


def _text(x: int, y: int, said: str, anchor: str) -> str:
    size = 12 if len(said) <= _WIDE or anchor != "middle" else 9
    return f"<text x='{x}' y='{y}' font-size='{size}' {_FONT} text-anchor='{anchor}' fill='#222'>{escape(said)}</text>"

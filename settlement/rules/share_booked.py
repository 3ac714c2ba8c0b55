"""What windows booked of all that can be shared, by the two programs: every base of every contract is a sum of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from settlement.rules.contracts import Figure, Of


class Pair(NamedTuple):
    """What a window booked of exchanges from one program to another, or of reversals with originals of one window; signs of the books.

    A side without a program is None.
    """

    window: int
    of_window: int | None
    source: str | None
    target: str | None
    fee: int
    gross: int


Sums = Mapping[tuple[int, int | None], int]
"""By the window of the booking and, of a reversal, that of its original."""


class Booked:
    """All of it, laid out once by corridor and by program, however many contracts ask."""

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self._corridors: dict[tuple[str | None, str | None], list[Pair]] = defaultdict(list)
        self._programs: dict[str, list[Pair]] = defaultdict(list)
        for pair in pairs:
            self._corridors[pair.source, pair.target].append(pair)
            for program in {pair.source, pair.target} - {None}:
                self._programs[program or ""].append(pair)

    def of(self, what: Of) -> Sums:
        """The sums of a figure: of a corridor, or of every exchange in which a program takes part, each counted once."""
        found = self._corridors[what.source, what.target] if what.program is None else self._programs[what.program]
        sums: dict[tuple[int, int | None], int] = defaultdict(int)
        for one in found:
            sums[one.window, one.of_window] += one.fee if what.figure is Figure.FEE else one.gross
        return {name: amount for name, amount in sums.items() if amount}

"""Whole points and millionths of the common unit, exact ratios between them, and the only rounding of the house."""

from dataclasses import dataclass

MICRO = 1_000_000  # millionths in one common unit
AMOUNT_MAX = 2**53 - 1  # the largest integer that every JSON reader keeps exact (RFC 8259 section 6)


@dataclass(frozen=True, slots=True)
class Ratio:
    """An exact fraction of whole numbers; never a float, never reduced behind the publisher's back."""

    num: int
    den: int

    def __post_init__(self) -> None:
        """Refuse a fraction that is no price: negative or without a denominator."""
        if self.num < 0 or self.den <= 0:
            message = f"a ratio needs num >= 0 and den > 0, got {self.num}/{self.den}"
            raise ValueError(message)

    def floor(self, amount: int) -> int:
        """`amount` times this ratio, rounded down."""
        return amount * self.num // self.den

    def ceil(self, amount: int) -> int:
        """`amount` times this ratio, rounded up."""
        return -(-amount * self.num // self.den)

    def divides(self, amount: int) -> bool:
        """Whether `amount` times this ratio is whole."""
        return amount * self.num % self.den == 0


def part(total: int, before: int, after: int, whole: int) -> int:
    """The share of `total` between two cumulative marks of `whole`.

    Law: parts over any chain of marks from 0 to `whole` add up to `total` exactly, because each is a difference of floors.
    """
    return total * after // whole - total * before // whole

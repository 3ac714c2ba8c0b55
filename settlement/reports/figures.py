"""How figures look to people: thousands apart, a true minus, and the steps from opening to closing by their names."""

from settlement.rules.statement import Cover, Payment, Statement
from settlement.rules.statement_lines import decimal, unit

NARROW = "\u202f"  # narrow no-break space
MINUS = "\u2212"

STEP_NAMES = {
    "points_in": "points in",
    "points_out": "points out",
    "funding": "bonuses funded",
    "fees": "fees",
    "returns": "returns",
    "adjustments": "adjustments",
    "rounding": "rounding",
    "shares": "shares by contract",
}

COVER_NAMES = ("opening", "lodged", "withdrawn", "closing")


def grouped(amount: int, digits: int, shown: int | None = None) -> str:
    """`amount` units of 10^-digits for people; with `shown`, zeros after so many digits are left out."""
    text = decimal(abs(amount), digits)
    whole, _, rest = text.partition(".")
    if shown is not None:
        rest = rest[:shown] + rest[shown:].rstrip("0")
    whole = f"{int(whole):,}".replace(",", NARROW)
    return f"{MINUS if amount < 0 else ''}{whole}{'.' if rest else ''}{rest}"


def cover_rows(cover: Cover) -> tuple[tuple[str, int], ...]:
    """What leads to the closing of a cover, in micros: the rows add up to it."""
    return ("cover at the opening", cover.opening), ("lodged", cover.lodged), ("withdrawn", -cover.withdrawn)


def steps(statement: Statement) -> tuple[tuple[str, int], ...]:
    """What leads from opening to closing, in micros; steps of zero are left out."""
    settled = sum(one.amount for one in statement.settled) * unit(statement.digits)
    parts = [(STEP_NAMES[name], amount) for name, amount in statement.figures.steps.parts()]
    return tuple((name, amount) for name, amount in (*parts, ("settled", settled)) if amount)


def way_of(payment: Payment) -> str:
    """Who pays whom, as the partner is told."""
    if not payment.other:
        return "by you" if payment.amount < 0 else "to you"
    return f"by you to {payment.other}" if payment.amount < 0 else f"to you by {payment.other}"

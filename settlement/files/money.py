"""The amounts of a bank's files, which are written otherwise than ours, as whole numbers: exact."""

import re

from clearing import errors
from settlement.rules.money import MICRO_DIGITS

FRACTION_DIGITS_MAX = 5  # ISO 20022, ActiveOrHistoricCurrencyAndAmount: fractionDigits
DIGITS_MAX = 18  # the same type: totalDigits

_DECIMAL = re.compile(r"\+?([0-9]*)(?:\.([0-9]*))?")  # xs:decimal without a minus: amounts have a direction instead


def micros(text: str) -> int:
    """The millionths that this amount of a bank's file says. Raises errors.ValidationFailed for what is no ISO 20022 amount."""
    match = _DECIMAL.fullmatch(text)
    whole, fraction = (match[1].lstrip("0"), (match[2] or "").rstrip("0")) if match else ("", "")
    said = match is not None and (match[1] or match[2])
    if not said or len(fraction) > FRACTION_DIGITS_MAX or len(whole) + len(fraction) > DIGITS_MAX:
        raise errors.ValidationFailed("an amount is plain decimal text of at most 18 digits, 5 of them after the point")
    return int(whole + fraction.ljust(MICRO_DIGITS, "0"))

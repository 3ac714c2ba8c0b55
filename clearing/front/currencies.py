"""Currencies, days and decimals as the doors of settlement read them: their form was looked at before, here is what they mean."""

from datetime import date

from babel import Locale
from babel.numbers import get_currency_precision

from clearing import errors

CURRENCIES = frozenset(Locale("en").currencies)


def ratio_of(text: str, *, positive: bool = True) -> tuple[int, int]:
    """A decimal as an exact fraction. Raises errors.ValidationFailed for a rate of zero."""
    whole, _, decimals = text.partition(".")
    num, den = int(whole + decimals), 10 ** len(decimals)
    if positive and not num:
        raise errors.ValidationFailed("rates: a rate is more than zero")
    return num, den


def currency_of(code: str) -> str:
    """The code, if there is such a currency. Raises errors.ValidationFailed."""
    if code not in CURRENCIES:
        raise errors.ValidationFailed(f"{code} is no currency")
    return code


def digits_of(code: str) -> int:
    """How many decimals a currency has."""
    return int(get_currency_precision(code))


def day_of(text: str) -> date:
    """The day. Raises errors.ValidationFailed."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise errors.ValidationFailed(f"{text} is no date") from None

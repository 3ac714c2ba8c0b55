"""Who pays and who is paid, in the words and letters that every bank takes."""

import re
import unicodedata
from dataclasses import dataclass

from clearing import errors

NAME_MAX = 70  # the SEPA rulebooks; the schema would take 140
TOWN_MAX = 35  # TwnNm, Max35Text
OTHER_MAX = 34  # Othr/Id, Max34Text

LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-?:().,'+ ")
"""The Latin set that all banks exchange (EPC217-08)."""

WITHOUT_MARK = str.maketrans("ßÆæØøŒœŁłĐđÞþÐðı&’–", "sAaOoOoLlDdTtDdi+'-")
"""What does not come apart into a letter and its mark, by the same page's best practice."""

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")


def latin(text: str, what: str, most: int) -> str:
    """`text` in the Latin set: letters lose their marks, & becomes +.

    Raises errors.ValidationFailed for any other character (a name of full stops would pay nobody we know), for white space at an
    end, for nothing and for more than `most` characters.
    """
    apart = unicodedata.normalize("NFD", text.translate(WITHOUT_MARK))
    found = "".join(char for char in apart if not unicodedata.combining(char))
    strange = next((char for char in found if char not in LETTERS), "")
    if strange:
        raise errors.ValidationFailed(
            f"{what}: U+{ord(strange):04X} is not in the Latin set of banks; write it in Latin"
        )
    if not found or found != found.strip() or len(found) > most:
        raise errors.ValidationFailed(f"{what}: 1 to {most} characters, no space at an end")
    return found


def reference(text: str, what: str, most: int) -> str:
    """An id that comes back as it went: never changed, only refused (errors.ValidationFailed)."""
    plain = set(text) <= LETTERS and text == text.strip(" /") and "//" not in text
    if not text or len(text) > most or not plain:
        raise errors.ValidationFailed(
            f"{what}: 1 to {most} characters of the Latin set, no slash or space at an end, no double slash"
        )
    return text


def iban_holds(text: str) -> bool:
    """Whether the check digits of an IBAN hold (ISO 13616, modulo 97), written without spaces."""
    turned = text[4:] + text[:4]
    return _IBAN.fullmatch(text) is not None and int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


@dataclass(frozen=True, slots=True)
class Account:
    """An account at a bank: an IBAN whose check digits hold, or what the bank calls it else."""

    id: str
    iban: bool = True

    def __post_init__(self) -> None:
        """Raises errors.ValidationFailed."""
        if self.iban and not iban_holds(self.id):
            raise errors.ValidationFailed("an IBAN is not one: its form or its check digits do not hold")
        if not self.iban:
            reference(self.id, "account", OTHER_MAX)


@dataclass(frozen=True, slots=True)
class Party:
    """One side of a payment. The address is town and country, or none: unstructured ones are refused by banks since 2026."""

    name: str
    account: Account | None = None  # None: not known here
    town: str = ""
    country: str = ""
    bic: str = ""

    def __post_init__(self) -> None:
        """Raises errors.ValidationFailed."""
        latin(self.name, "name", NAME_MAX)
        if bool(self.town) != bool(self.country):
            raise errors.ValidationFailed("an address is town and country, or nothing")
        if self.town:
            latin(self.town, "town", TOWN_MAX)
        if self.country and not _COUNTRY.fullmatch(self.country):
            raise errors.ValidationFailed("country: two capital letters (ISO 3166)")
        if self.bic and not _BIC.fullmatch(self.bic):
            raise errors.ValidationFailed("bic: 8 or 11 capital letters and digits (ISO 9362)")

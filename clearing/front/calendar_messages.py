"""What travels about the calendar: frozen models like those of `messages`. The scheme's document is read by the rules, strictly."""

from datetime import date
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from clearing.front.agreement_messages import Digest
from clearing.front.messages import Instant, Said, Wish

Scheme = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "description": "a scheme as `openapi/scheme.schema.json` describes it"}),
]
Year = Annotated[int, Field(ge=2000, le=2099, strict=True, description="of the cut-offs, as the scheme's zone counts")]
Text = Annotated[str, Field(max_length=40)]


class CycleWish(Wish):
    """A window of the year that is published: in UTC, with its dates."""

    window: Text
    cut_off_utc: Text
    advice_date: Text
    value_date: Text


class CalendarWish(Wish):
    """Propose a year of a scheme's windows, exactly as `clearing calendar` prints them: what was reviewed is what is signed."""

    scheme: Scheme
    year: Year
    opens_at: Annotated[Text, Field(description="where the first window opens: the cut-off before the year's first")]
    windows: Annotated[list[CycleWish], Field(max_length=366)]


class VersionSaid(Said):
    """A published version. From `begins_at` on its windows take the place of those before."""

    version: int
    begins_at: Instant
    published_at: Instant
    digest: Digest
    document: dict[str, Any]
    proposed_by: str
    confirmed_by: str


class WindowSaid(Said):
    """A window that counts: the instants from `opens_at` up to, and without, `cut_off_utc`. A weekly one has no dates."""

    window: str
    number: Annotated[int, Field(description="by which exchanges and balances name it; numbers grow with time")]
    opens_at: Instant
    cut_off_utc: Instant
    advice_date: date | None
    value_date: date | None
    version: Annotated[int | None, Field(description="whose document has its scheme; null: weekly, by default")]


class CalendarSaid(Said):
    """The published versions in order, and the windows that count."""

    versions: list[VersionSaid]
    windows: list[WindowSaid]

"""A scheme's calendar as it is published: a year of windows that two operators' keys signed, never edited.

Under the lock of every lane, so that no batch is written by the calendar before: windows that have begun stay as they are, and the first
new one begins where the last of them ends; only a rehearsal ends one that is open. The row of each lane names the version, and its next
batch goes by that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.types.json import Jsonb

from clearing import errors
from clearing.partners import lanes
from clearing.partners.proposals import Signers, digest_of
from clearing.partners.rows import Connection, row, rows, run
from clearing.rules.windows import CalendarEndedError, Window, resumed, succeeded

KIND = "calendar"
REHEARSAL = "rehearsal"
"""The cycle of a scheme whose windows may end one that has begun; the door takes it in sandboxes alone."""


@dataclass(frozen=True, slots=True)
class FiledCalendar:
    """A published version as it is kept: the document, its digest, and the two keys."""

    version: int
    begins_at: datetime
    published_at: datetime
    digest: str
    document: Mapping[str, Any]
    proposed_by: str
    confirmed_by: str


async def filed_calendars(connection: Connection) -> list[FiledCalendar]:
    """All versions in order."""
    return [FiledCalendar(**found) for found in await rows(connection, "calendar_version_list")]


async def scheme_currency(connection: Connection) -> str | None:
    """The currency that the common unit is: that of the scheme published last; None where none is."""
    return await unit_of(connection, None)


async def unit_of(connection: Connection, version: int | None) -> str | None:
    """The currency that the common unit is in windows of this version; None: of the scheme published last, and None where none is."""
    filed = [one for one in await filed_calendars(connection) if version in {None, one.version}]
    return str(filed[-1].document["scheme"]["currency"]) if filed else None


async def published_calendar(connection: Connection, document: Mapping[str, Any]) -> FiledCalendar | None:
    """The version that this document is already."""
    digest = digest_of(KIND, document)
    return next((filed for filed in await filed_calendars(connection) if filed.digest == digest), None)


def drafted_calendar(
    present: Sequence[Window], document: Mapping[str, Any], at: datetime, version: int
) -> list[Window]:
    """The windows, still without numbers, that this document would put in the place of those of the `present` calendar.

    Raises errors.ValidationFailed: nothing of the year is left, or it begins after the present calendar ends.
    """
    coming = _windows(document, version)
    if not coming:
        raise errors.ValidationFailed("$.windows: there is none")
    try:
        taking = succeeded(present, coming, at, version, cutting=rehearses(document))
    except CalendarEndedError:
        raise errors.ValidationFailed("$.year: lies further ahead than the present calendar reaches") from None
    if taking is None:
        raise errors.ValidationFailed("$.year: no window is left that has not begun")
    return [*taking, *resumed(taking[-1].closes_at, lanes.horizon(at))]


async def publish_calendar(
    connection: Connection, document: Mapping[str, Any], now: datetime, signers: Signers
) -> FiledCalendar:
    """The next version of the calendar. Published again unchanged: the version it is. Raises what `drafted_calendar` raises."""
    async with lanes.all_lanes(connection) as locked:
        if known := await published_calendar(connection, document):
            return known
        end = await lanes.last(connection)
        version = end["version"] + 1
        at = max([now, *locked.values()])
        windows = lanes.numbered(
            drafted_calendar(await lanes.calendar(connection), document, at, version), end["number"]
        )
        await row(
            connection,
            "calendar_version_insert",
            version=version,
            begins_at=windows[0].opens_at,
            published_at=now,
            digest=digest_of(KIND, document),
            document=Jsonb(dict(document)),
            proposed_by=signers.proposed_by,
            confirmed_by=signers.confirmed_by,
            evidence_id=signers.evidence_id,
        )
        await lanes.write_windows(connection, version, windows)
        for lane in locked:
            await run(connection, "calendar_switch", lane=lane, version=version)
        return (await filed_calendars(connection))[-1]


def rehearses(document: Mapping[str, Any]) -> bool:
    """Whether this is the calendar of a rehearsal."""
    return REHEARSAL in document["scheme"].get("cycle", ())


def _windows(document: Mapping[str, Any], version: int) -> list[Window]:
    """The windows of a document, from its first opening on."""
    opens_at = datetime.fromisoformat(document["opens_at"])
    found: list[Window] = []
    for said in document["windows"]:
        dates = (date.fromisoformat(said[name]) for name in ("advice_date", "value_date"))
        closes_at = datetime.fromisoformat(said["cut_off_utc"])
        found.append(Window(0, said["window"], opens_at, closes_at, version, *dates))
        opens_at = closes_at
    return found

"""The calendar at the door: an operator proposes a year of a scheme's windows, a second operator's key publishes it; everybody reads it."""

from datetime import UTC
from typing import TYPE_CHECKING, Any

from clearing import errors, partners
from clearing.front import calendar_messages as messages
from clearing.front import problems, reading
from clearing.front.agreement_messages import ConfirmWish, ProposalSaid
from clearing.front.agreements import proposal_said
from clearing.front.doors import BOTH, OPERATORS, Asked, Door, Reply
from clearing.front.keeping import keep_request
from clearing.front.materialised import calendar_of
from clearing.front.problems import Problem
from clearing.front.settings import Environment
from clearing.front.shapes import instant
from clearing.partners import FiledCalendar, Signers
from clearing.partners.calendars import KIND, rehearses
from clearing.partners.rows import Connection
from clearing.rules.agreements import HOUSE
from clearing.rules.windows import Window
from settlement.rules.calendar import NoSuchTime

if TYPE_CHECKING:
    from clearing.front.house import House


async def propose_calendar(house: "House", asked: Asked) -> Reply:
    """Propose a year of windows. The house makes them again from the scheme, and takes them only if they are the same."""
    _ = asked.idempotency_key
    document = asked.parse(messages.CalendarWish).model_dump()
    _require_sandbox(house, document)
    made = calendar_of(document["scheme"], document["year"])
    if isinstance(made, NoSuchTime):
        raise errors.ValidationFailed(f"$.scheme.cut_off: {made}")
    if made != document:
        raise errors.ValidationFailed("$.windows: are not those that the scheme gives here; see `clearing calendar`")
    async with house.reads.connection() as connection:
        if known := await partners.published_calendar(connection, document):
            return Reply(200, _version(known))
        await _require_room(connection, document, asked)
        kept = await keep_request(house, asked)
        proposed = await partners.propose(connection, KIND, HOUSE, document, asked.caller.key_id, kept, asked.at)
    return Reply(202, proposal_said(proposed))


async def confirm_calendar(house: "House", asked: Asked) -> Reply | Problem:
    """Publish what was proposed, with a second operator's key. Windows that have begun stay; the first new one begins where they end."""
    _ = asked.idempotency_key, asked.parse(ConfirmWish)
    async with house.reads.connection() as connection:
        proposed = await partners.proposal(connection, asked.path["proposal"], KIND)
        if refusal := await partners.alone(connection, proposed, asked.caller.key_id, asked.at):
            return problems.of_refusal(refusal)
        _require_sandbox(house, proposed.document)
        if known := await partners.published_calendar(connection, proposed.document):
            return Reply(200, _version(known))
        await _require_room(connection, proposed.document, asked)
        signers = Signers(proposed.proposed_by, asked.caller.key_id, await keep_request(house, asked))
        published = await partners.publish_calendar(connection, proposed.document, asked.at, signers)
    return Reply(201, _version(published))


async def show_calendar(house: "House", asked: Asked) -> Reply:
    """Every published version, and the windows that count: those open or to come, or those whose cut-off is in the `year` asked for."""
    year = reading.query(asked.message.query, "year").get("year")
    async with house.reads.connection() as connection:
        versions = await partners.filed_calendars(connection)
        windows = await partners.calendar(connection)
    if year is None:
        chosen = [one for one in windows if one.closes_at > asked.at]
    else:
        chosen = [one for one in windows if f"{one.closes_at.astimezone(UTC):%Y}" == year]
    return Reply(
        200, {"versions": [_version(one) for one in versions], "windows": [_window(window) for window in chosen]}
    )


def _require_sandbox(house: "House", document: Any) -> None:
    """Raises errors.ValidationFailed for a rehearsal where points are real."""
    if house.settings.environment is Environment.LIVE and rehearses(document):
        raise errors.ValidationFailed("$.scheme.cycle.rehearsal: is for sandboxes, and points are real here")


async def _require_room(connection: Connection, document: Any, asked: Asked) -> None:
    """What would refuse it is said now. Raises errors.ValidationFailed."""
    version = (await partners.last(connection))["version"] + 1
    partners.drafted_calendar(await partners.calendar(connection), document, asked.at, version)


def _version(filed: FiledCalendar) -> dict[str, Any]:
    return {
        "version": filed.version,
        "begins_at": instant(filed.begins_at),
        "published_at": instant(filed.published_at),
        "digest": filed.digest,
        "document": filed.document,
        "proposed_by": filed.proposed_by,
        "confirmed_by": filed.confirmed_by,
    }


def _window(window: Window) -> dict[str, Any]:
    return {
        "window": window.code,
        "number": window.number,
        "opens_at": instant(window.opens_at),
        "cut_off_utc": instant(window.closes_at),
        "advice_date": None if window.advice_date is None else window.advice_date.isoformat(),
        "value_date": None if window.value_date is None else window.value_date.isoformat(),
        "version": window.scheme_version,
    }


DOORS = (
    Door(
        "POST",
        "/v1/calendar",
        propose_calendar,
        {202: ProposalSaid, 200: messages.VersionSaid},
        messages.CalendarWish,
        purposes=OPERATORS,
        tag="calendar",
    ),
    Door(
        "POST",
        "/v1/calendar/{proposal}/confirm",
        confirm_calendar,
        {201: messages.VersionSaid, 200: messages.VersionSaid},
        ConfirmWish,
        ("not_found", "second_key_needed"),
        purposes=OPERATORS,
        tag="calendar",
    ),
    Door(
        "GET",
        "/v1/calendar",
        show_calendar,
        {200: messages.CalendarSaid},
        purposes=BOTH,
        tag="calendar",
        asks=("year",),
    ),
)

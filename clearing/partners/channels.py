"""What a partner may do alone with points of a program that another signs for: the two questions that an agreement will answer one day.

Until then the answers are said at onboarding and kept in one table. Nothing else reads it.
"""

from collections.abc import Sequence

from clearing import errors
from clearing.partners.directory import Channel, Directory
from clearing.partners.rows import Connection, row, run
from clearing.rules.lifecycle import Kind
from clearing.rules.refusals import Refusal, RefusalCode

GRANTED = frozenset({Kind.ACCRUAL, Kind.PURCHASE, Kind.REDEMPTION})
"""The kinds that take a channel right."""


async def grant_channel(
    connection: Connection, partner: str, program: str, kinds: Sequence[Kind], *, bears_shortfall: bool
) -> Channel:
    """Let this partner do these kinds, and no others, with the program's points from now on. Raises errors.ValidationFailed, NotFound."""
    if not {*kinds} <= GRANTED:
        raise errors.ValidationFailed(f"a channel is granted for {', '.join(sorted(GRANTED))}")
    known = await row(connection, "program_read", program=program)
    if known is None or await row(connection, "partner_read", partner=partner) is None:
        raise errors.NotFound("a channel needs a partner and a program")
    channel = Channel(partner, program, tuple(sorted({str(kind) for kind in kinds})), bears_shortfall)
    said = {"partner": partner, "program": program, "kinds": list(channel.kinds), "bears_shortfall": bears_shortfall}
    await run(connection, "channel_put", **said)
    return channel


def channel_refusal(directory: Directory, partner: str, program: str, kind: Kind) -> Refusal | None:
    """Whether this partner may do this with the program's points: its own program's, or by a channel right."""
    if directory.programs[program].partner == partner:
        return None
    channel = directory.channels.get((partner, program))
    if channel is not None and kind in channel.kinds:
        return None
    return Refusal(RefusalCode.CHANNEL_NOT_GRANTED, f"{program} has not granted you {kind} of its points")


def bears_shortfall(directory: Directory, partner: str, program: str) -> bool:
    """Whether the program bears what it cannot take back any more from what this partner had issued; otherwise it refuses."""
    channel = directory.channels.get((partner, program))
    return channel is not None and channel.bears_shortfall

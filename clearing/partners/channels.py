"""What a partner may do alone with points of a program that another signs for, and who bears what cannot be taken back: as agreed."""

from datetime import datetime

from clearing.partners.directory import Directory
from clearing.rules.agreements import Bearer, may
from clearing.rules.lifecycle import Kind
from clearing.rules.refusals import Refusal, RefusalCode


def channel_refusal(
    directory: Directory, partner: str, program: str, kind: Kind, channel: str | None, at: datetime
) -> Refusal | None:
    """Whether this partner may do this with the program's points: its own program's, or by the channel right of its agreement."""
    if directory.programs[program].partner == partner:
        return None
    agreement = directory.agreement(partner, at)
    if agreement is not None and may(agreement, program, kind, channel):
        return None
    return Refusal(RefusalCode.CHANNEL_NOT_GRANTED, f"your agreement grants you no {kind} of {program}'s points")


def bears_shortfall(directory: Directory, partner: str, program: str, at: datetime) -> bool:
    """Whether the program bears what it cannot take back any more from what this partner had issued; otherwise it refuses.

    Nobody is bound by another's agreement: that of the program's partner must say so, and that of the partner who asks.
    """
    found = [directory.agreement(who, at) for who in (partner, directory.programs[program].partner)]
    return all(agreement is not None and agreement.shortfall is Bearer.PROGRAM for agreement in found)

"""What a partner may do alone with points of a program that another signs for, and who bears what cannot be taken back: as agreed."""

from datetime import datetime

from clearing.partners.directory import Directory
from clearing.rules.agreements import Bearer, bearer_of, may
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


def bearer(directory: Directory, partner: str, program: str, at: datetime) -> Bearer | None:
    """Who bears what this program cannot take back any more for this partner, as agreed now; None: it refuses."""
    asked = directory.programs[program]
    asks, theirs = (directory.agreement(who, at) for who in (partner, asked.partner))
    return bearer_of(asks, theirs, below_zero=asked.capabilities.below_zero)

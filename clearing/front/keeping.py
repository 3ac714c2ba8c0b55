"""What was signed, kept: the evidence of a request that changes something."""

from typing import TYPE_CHECKING
from uuid import UUID

from clearing import evidence
from clearing.evidence import Evidence
from clearing.front import sources
from clearing.front.doors import Asked
from clearing.front.house import LANE
from clearing.ledger.items import Remember

if TYPE_CHECKING:
    from clearing.front.house import House


def kept_request(house: "House", asked: Asked) -> Evidence:
    """The request as evidence, its body sealed."""
    return evidence.of_request(
        asked.presented,
        asked.message,
        keyring=house.keyring,
        lane=LANE,
        evidence_id=sources.some_id(),
        random=sources.random,
    )


async def keep_request(house: "House", asked: Asked) -> UUID:
    """Keep the request as evidence, before anything is written that names it."""
    kept = kept_request(house, asked)
    await house.writer.put(Remember(asked.signed, kept))
    return kept.evidence_id

"""What travels about revenue-sharing contracts: frozen models like those of `messages`."""

from typing import Annotated, Any

from pydantic import Field

from clearing.front.agreement_messages import Digest
from clearing.front.messages import Code, Instant, Said, Wish


class ShareContractWish(Wish):
    """Propose the next version of a contract. It says when it begins, over which period it counts, and what its base is."""

    contract: Annotated[
        dict[str, Any], Field(description="share-contract/1, as `openapi/share-contract.schema.json` says")
    ]


class ShareContractSaid(Said):
    """A published version. It is of the windows that open from `valid_from` on, up to the next version's."""

    contract: Code
    version: int
    valid_from: Instant
    in_force: Annotated[bool, Field(description="a window that opened now would be shared by it")]
    published_at: Instant
    digest: Digest
    document: dict[str, Any]
    proposed_by: str
    confirmed_by: str


class ShareContractsSaid(Said):
    """All versions, by contract and version; a partner sees those of contracts that it is a party of."""

    contracts: list[ShareContractSaid]

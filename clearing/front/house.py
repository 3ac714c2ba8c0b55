"""The house while it is open: its rooms, put together once, and whether it may sign at this moment."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from clearing import errors
from clearing.adapter import Adapter
from clearing.delivery import Delivery
from clearing.evidence import Keyring
from clearing.front.issued import Issued
from clearing.front.metrics import Meters
from clearing.front.nonces import NonceCount
from clearing.front.settings import Settings
from clearing.front.windows import Windows
from clearing.ledger import Writer
from clearing.partners import Live
from clearing.signatures import PrivateKey, PublicKey

CLOCK_DIFFERENCE_MAX = timedelta(seconds=2)
LANE = 0  # the only one for now; passed on explicitly everywhere

Reads = AsyncConnectionPool[AsyncConnection[Any]]


@dataclass(slots=True)
class Soundness:
    """What was found when database, schema and clock were last looked at."""

    database: bool = False
    schema: bool = False
    clock: bool = False
    difference: timedelta = timedelta(0)

    def seen(self, difference: timedelta, uncertain_seconds: float = 0) -> None:
        """The database answered, and its clock differs by this, give or take."""
        self.database, self.difference = True, difference
        self.clock = abs(difference) - timedelta(seconds=uncertain_seconds) <= CLOCK_DIFFERENCE_MAX

    def require(self) -> None:
        """Nothing is signed by a clock that cannot be trusted. Raises errors.ClockUnsound."""
        if not self.clock:
            raise errors.ClockUnsound(retry_after=5)


@dataclass(slots=True)
class House:
    """All rooms of one process."""

    settings: Settings
    reads: Reads
    live: Live
    writer: Writer
    delivery: Delivery
    adapters: dict[str, Adapter]
    keyring: Keyring
    key: PrivateKey
    keys: dict[str, PublicKey]
    meters: Meters
    nonces: NonceCount
    windows: Windows
    issued: Issued = field(default_factory=Issued)
    soundness: Soundness = field(default_factory=Soundness)

    @property
    def ready(self) -> bool:
        """Whether requests can be served now."""
        sound = self.soundness
        return sound.database and sound.schema and sound.clock and self.writer.alive

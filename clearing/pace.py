"""The pace of delivery: every number of its patience, as a setting."""

from dataclasses import dataclass

from clearing import errors


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient delivery is. Refused where one number contradicts another: errors.Misconfigured."""

    lease_seconds: float = 60.0
    poll_seconds: float = 1.0
    rest_seconds: float = 0.02  # the pump never claims more often than this
    call_timeout_seconds: float = 10.0
    connect_timeout_seconds: float = 3.0
    backoff_first_seconds: float = 0.2
    backoff_most_seconds: float = 30.0
    breaker_failures: int = 5
    breaker_seconds: float = 5.0
    patience_factor: int = 4  # asking again ends at factor x the program's longest time, plus the margin
    patience_margin_seconds: float = 900.0
    unsent_seconds_max: float = 86_400.0  # an order that could not be sent for so long goes to a person
    calls_at_once: int = 2  # for each program and line
    queue_orders_max: int = 5_000  # for each program and line
    claim_orders_max: int = 500
    answer_bytes_max: int = 1_048_576
    stop_seconds: float = 5.0

    def __post_init__(self) -> None:
        """A lease outlives two calls, so that what is being asked is not taken over; nothing is zero."""
        if any(getattr(self, name) <= 0 for name in self.__slots__):
            raise errors.Misconfigured("every number of the pace of delivery is above zero")
        if self.lease_seconds < 2 * self.call_timeout_seconds:
            raise errors.Misconfigured("lease_seconds is at least twice call_timeout_seconds")

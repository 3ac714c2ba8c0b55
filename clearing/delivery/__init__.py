"""Send orders to programs, hear what became of them, write that down, and ask again until it is known."""

from clearing.delivery.breaker import Breaker
from clearing.delivery.dispatch import Delivery
from clearing.delivery.wire import Heard, Seal, Silence

__all__ = ["Breaker", "Delivery", "Heard", "Seal", "Silence"]

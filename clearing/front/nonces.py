"""How many requests each key has signed lately: a key that runs wild is slowed down before it fills the memory of nonces."""

from clearing import errors

WINDOW_SECONDS = 360  # the longest life of a signature and the skew: as long as a nonce is remembered


class NonceCount:
    """Counts confirmed signatures of this process, so that nobody else can use up a partner's share."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._window = 0
        self._counted: dict[str, int] = {}

    def require(self, key_id: str, now: int) -> None:
        """Raises errors.SignatureRateAbuse when the share of this key is used up."""
        window = now // WINDOW_SECONDS
        if window != self._window:
            self._window, self._counted = window, {}
        if self._counted.get(key_id, 0) >= self.most:
            raise errors.SignatureRateAbuse(retry_after=WINDOW_SECONDS - now % WINDOW_SECONDS)

    def count(self, key_id: str) -> None:
        """One more."""
        self._counted[key_id] = self._counted.get(key_id, 0) + 1

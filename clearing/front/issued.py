"""Quotes that this process signed lately: a token that equals one of them needs no verification. Forgetting costs time, nothing else."""

from collections import OrderedDict

from clearing.exchange import Quote

MOST = 8192


class Issued:
    """The newest quotes by their exact token. What is not here is verified like any stranger's."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._quotes: OrderedDict[str, Quote] = OrderedDict()

    def note(self, token: str, quote: Quote) -> None:
        """This token is ours and says this."""
        self._quotes[token] = quote
        if len(self._quotes) > self.most:
            self._quotes.popitem(last=False)

    def find(self, token: str) -> Quote | None:
        """What this token says, if this process signed it and still knows."""
        return self._quotes.get(token)

"""Prepared statements in one pipeline over libpq: a batch of fifteen statements is two trips, at a few microseconds of ours for each.

psycopg's cursors cost about 100 µs a statement, whatever it does: with small batches that was most of what the house spent on its books.
This goes one floor down in the same library, to `psycopg.pq`, for the one connection of a lane's writer, and does less: statements are
prepared once, values are packed by the types that the server said, rows come back through psycopg's own loaders.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection, OperationalError
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

from clearing.database import note
from clearing.packing import PACK

Rows = list[tuple[Any, ...]]
Statement = tuple[str, Mapping[str, Any]]  # SQL with %(name)b parameters, and their values

_PARAMETER = re.compile(r"%\((\w+)\)b")
_DONE = frozenset({ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK})


@dataclass(frozen=True, slots=True)
class _Prepared:
    name: bytes
    fields: tuple[str, ...]
    types: tuple[int, ...]
    formats: tuple[Format, ...]


class Pipeline:
    """The statements of one connection. Nothing else may use the connection meanwhile; after an error it is good for closing only."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._pgconn: PGconn = connection.pgconn
        self._prepared: dict[str, _Prepared] = {}
        self._transformer = Transformer(connection)
        self._ready: asyncio.Future[None] | None = None
        self._watched: int | None = None
        self._pgconn.nonblocking = 1
        self._pgconn.enter_pipeline_mode()

    async def close(self) -> None:
        """Let go of the connection; what was not committed is gone."""
        self._unwatch()
        await self._connection.close()

    async def run(self, statements: Sequence[Statement], sent: Callable[[], None] = lambda: None) -> list[Rows]:
        """Run these statements in order, in one trip, and return the rows of each. Raises what the first failure raises.

        `sent` is called when everything has left and nothing was heard yet: from here on, what became of it is for the server to say.
        """
        prepared = [await self._prepare(text) for text, _ in statements]
        for known, (text, values) in zip(prepared, statements, strict=True):
            note(text)
            packed = [PACK[kind](values[name]) for name, kind in zip(known.fields, known.types, strict=True)]
            self._pgconn.send_query_prepared(known.name, packed, known.formats, Format.BINARY)
        return [self._rows(result) for result in await self._results(len(statements), sent)]

    async def _prepare(self, text: str) -> _Prepared:
        if known := self._prepared.get(text):
            return known
        fields = tuple(dict.fromkeys(_PARAMETER.findall(text)))
        numbered = _PARAMETER.sub(lambda match: f"${fields.index(match[1]) + 1}", text)
        name = f"s{len(self._prepared)}".encode()
        self._pgconn.send_prepare(name, numbered.encode())
        self._pgconn.send_describe_prepared(name)
        _, described = await self._results(2)
        types = tuple(described.param_type(place) for place in range(described.nparams))
        self._prepared[text] = known = _Prepared(name, fields, types, (Format.BINARY,) * len(types))
        return known

    def _rows(self, result: PGresult) -> Rows:
        if not result.ntuples:
            return []
        self._transformer.set_pgresult(result, format=Format.BINARY)
        return self._transformer.load_rows(0, result.ntuples, tuple)

    async def _results(self, count: int, sent: Callable[[], None] = lambda: None) -> list[PGresult]:
        """Send what is queued and collect one result for each command. Raises the first error, once all were answered."""
        pgconn = self._pgconn
        pgconn.pipeline_sync()
        while pgconn.flush():
            await self._wait(writing=True)
            pgconn.consume_input()
        sent()
        results: list[PGresult] = []
        while True:
            while pgconn.is_busy():
                await self._wait(writing=False)
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                if pgconn.status == ConnStatus.BAD:
                    raise OperationalError("the connection was lost")
                continue  # the end of one command's results
            if result.status == ExecStatus.PIPELINE_SYNC:
                break
            results.append(result)
        for result in results:
            if result.status not in _DONE:
                raise error_from_result(result, encoding="utf-8")
        if len(results) != count:
            raise OperationalError("the server left a command unanswered")
        return results

    async def _wait(self, *, writing: bool) -> None:
        """Until the socket can be read, or written. Watched for reading from one wait to the next, while nothing comes between them."""
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        if self._watched is None:
            self._watched = self._pgconn.socket
            loop.add_reader(self._watched, self._wake)
        if writing:
            loop.add_writer(self._watched, self._wake)
        try:
            await self._ready
        finally:
            if writing and self._watched is not None:
                loop.remove_writer(self._watched)

    def _wake(self) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)
        else:
            self._unwatch()  # said unasked: a connection that was cut would wake the loop again and again

    def _unwatch(self) -> None:
        if self._watched is not None:
            asyncio.get_running_loop().remove_reader(self._watched)
            self._watched = None

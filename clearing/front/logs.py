"""Logs as one JSON object a line. Only fields on the list below are written: what is not listed cannot leak."""

import asyncio
import logging
import sys
import traceback
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
import structlog

FIELDS = frozenset(
    {
        "event",
        "level",
        "at",
        "operation",
        "status",
        "code",
        "key_id",
        "partner",
        "trace_id",
        "exchange",
        "state",
        "seconds",
        "error",
        "where",
        "logger",
        "count",
        "port",
        "host",
        "environment",
        "program",
        "reason",
        "orders",
        "left",
        "what",
        "window",
        "size",
        "root",
    }
)
"""No body, no header, no address, no membership number; an error by its kind and place, never by its words."""

Event = MutableMapping[str, Any]


def _listed_only(_logger: object, _method: str, event: Event) -> Event:
    return {name: value for name, value in event.items() if name in FIELDS}


def _render(_logger: object, _method: str, event: Event) -> str:
    return orjson.dumps(event, default=lambda _value: "?").decode()


FLUSH_SECONDS = 0.05
_access: list[TextIO] = []
"""Where the line of each answer goes; nowhere while only worse things are logged."""
_lines: list[bytes] = []


def answered(**said: Any) -> None:
    """One answer, as a line like all others. Lines of one moment are written together, because there is one for every request."""
    if not _access:
        return
    at = datetime.now(UTC).isoformat()
    _lines.append(
        orjson.dumps({"event": "answered", "level": "info", "at": at, **said}, option=orjson.OPT_APPEND_NEWLINE)
    )
    if len(_lines) == 1:
        asyncio.get_running_loop().call_later(FLUSH_SECONDS, flush)


def flush() -> None:
    """Write the lines that wait."""
    text = b"".join(_lines).decode()
    _lines.clear()
    for out in _access:
        out.write(text)
        out.flush()


def configure(level: str, stream: TextIO | None = None) -> None:
    """One way out for all logs of this process."""
    out = stream or sys.stderr
    _access[:] = [out] if level in {"debug", "info"} else []
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            _listed_only,
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [_Foreign()]
    root.setLevel(logging.WARNING)


class _Foreign(logging.Handler):
    """Logs of libraries: who and how bad, and the kind of the error; their words are left out, since they quote what they met."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write it the way we write our own."""
        error = record.exc_info[1] if record.exc_info else None
        log().log(
            record.levelno, "library", logger=record.name, where=f"{record.filename}:{record.lineno}", **failure(error)
        )


def log() -> Any:
    """The logger of this process."""
    return structlog.get_logger()


def failure(error: BaseException | None) -> dict[str, str]:
    """An error without its words: its kind, and the places it came through."""
    if error is None:
        return {}
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    where = " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in reversed(frames))
    return {"error": type(error).__name__, "where": where}

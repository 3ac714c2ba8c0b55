"""A story told on the stage: who is in it, and what it has shown so far."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from clearing.client import Clearing
from clearing.front.stage import Stage
from clearing.rules.units import MICRO

WAIT_SECONDS = 15


@dataclass
class Story:
    """The stage, the two members, and what has been shown so far."""

    stage: Stage
    console: Console
    palm: Clearing
    source: str = ""
    target: str = ""
    first: dict[str, Any] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    out: Path | None = None
    kept: list[Path] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    """By which whoever watches can check the files that are kept."""
    windows: list[dict[str, Any]] = field(default_factory=list)
    """Those that count since the rehearsal was published, the first of them with all that was done before."""
    traded_at: datetime | None = None
    """When the last exchange that is to be settled was done."""

    def shows(self, sentence: str, *, held: bool, detail: str = "") -> None:
        """One thing that the story claims, with what was seen."""
        self.console.print(
            Text("  ✓ " if held else "  ✗ ", "green" if held else "bold red") + Text(sentence),
            Text(f" {detail}", "dim"),
        )
        if not held:
            self.failed.append(sentence)

    def keep(self, name: str, what: object) -> None:
        """Write a file for whoever watches: text and bytes as they are, everything else as JSON."""
        if self.out is None:
            return
        self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / name
        text = what if isinstance(what, str | bytes) else json.dumps(what, indent=2) + "\n"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.kept.append(path)

    def quote(self, sent: int) -> dict[str, Any]:
        """A signed quote for so many points."""
        return self.palm.quote(self.source, self.target, sent=sent)

    def exchange(self, sent: int, key: str) -> dict[str, Any]:
        """Quote and exchange, and wait for the end."""
        return self.palm.exchange(self.quote(sent)["quote"], key, wait=WAIT_SECONDS)

    def balance(self, program: str) -> int:
        """What the member has, in the program's own books."""
        return self.stage.balance(program, self.source if program == "palm-hotels" else self.target)


def common(micro: int) -> str:
    """An amount of value in common units."""
    whole, rest = divmod(abs(micro), MICRO)
    return f"{'-' if micro < 0 else ''}{whole:,}.{rest:06}"

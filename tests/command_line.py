"""The command line in a process of its own, forked from where its modules were read before: whoever runs it sees no other difference."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from clearing.front import cli, terminal
from tests import canary
from tests.forks import FORKS

ROOT = Path(__file__).parents[1]
NOTHING = {"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent"}
SECONDS_MAX = 120
COLUMNS = 300  # of a console: every row of a table in one line
_starting = Lock()
cli._read_for("")


def clearing(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with nothing in its environment but what is given."""
    told = [str(word) for word in words]
    with TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = FORKS.Process(target=_body, args=(told, NOTHING | environment, out, err))
        with _starting:
            process.start()
        process.join(SECONDS_MAX)
        if process.is_alive():
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(told, SECONDS_MAX)
        assert process.exitcode is not None
        ended = subprocess.CompletedProcess(told, process.exitcode, out.read_text(), err.read_text())
    assert "--curl" in words or not canary.shown(ended.stdout + ended.stderr)  # there it is the caller's own request
    return ended


def _body(words: list[str], environment: dict[str, str], out: Path, err: Path) -> None:
    for file, number in ((out, 1), (err, 2)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.argv = ["clearing", *words]
    terminal.out.width = terminal.err.width = COLUMNS
    cli.main()

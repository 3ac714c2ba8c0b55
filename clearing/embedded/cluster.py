"""What the server lives on: a password, a data folder and a private folder for its socket, each whole or not at all."""

import hashlib
import os
import secrets
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from clearing.embedded.runner import Runner
from clearing.embedded.server import ENVIRONMENT
from clearing.errors import Misconfigured

OWNER = "clearing"  # the user and the database of the embedded server
SOCKET_PATH_BYTES_MAX = 103  # of sockaddr_un: 107 on Linux, 103 on macOS


def have_password(path: Path) -> None:
    """A random password in a file of our own, made once."""
    if not path.exists():
        unfinished = path.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        unfinished.rename(path)


def have_cluster(runner: Runner, password: Path) -> None:
    """A data folder made by initdb; made under another name first, so that a killed initdb leaves nothing that looks finished."""
    data = data_folder(runner.home)
    if (data / "PG_VERSION").exists():
        return
    unfinished, given = data.with_suffix(".new"), runner.home / "initial-password"
    given.unlink(missing_ok=True)
    with os.fdopen(os.open(given, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password.read_text())
    runner.give(given)
    said = ""
    try:
        for locale in ("C.UTF-8", "C"):
            shutil.rmtree(unfinished, ignore_errors=True)
            how = [
                "--auth=scram-sha-256",
                f"--pwfile={given}",
                f"--username={OWNER}",
                f"--locale={locale}",
                "--encoding=UTF8",
            ]
            made = subprocess.run(
                runner.command("initdb", *how, "--data-checksums", "-D", str(unfinished)),
                capture_output=True, check=False, env=ENVIRONMENT, cwd="/", **runner.identity(),
            )  # fmt: skip
            if made.returncode == 0:
                unfinished.rename(data)
                return
            said = made.stderr.decode(errors="replace")[-500:]
    finally:
        given.unlink()
    message = f"initdb failed: {said}"
    raise Misconfigured(message)


def data_folder(home: Path) -> Path:
    """Where the data lies."""
    return home / "data"


def socket_folder(home: Path) -> Path:
    """The folder of the socket: beside the data, or a short private one where that path is too long for a socket."""
    beside = home / "socket"
    if len(os.fsencode(beside / ".s.PGSQL.5432")) <= SOCKET_PATH_BYTES_MAX:
        return beside
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return Path("/tmp") / f"clearing-{os.geteuid()}-{digest}"  # noqa: S108 - its owner and mode are checked before use


def private_folder(path: Path) -> Path:
    """Make `path` a folder that nobody else may enter; refuse one that somebody else made."""
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if (
        not path.is_dir()
        or path.is_symlink()
        or found.st_mode & 0o077
        or found.st_uid not in {os.geteuid(), path.parent.lstat().st_uid}
    ):
        message = f"{path} exists and is not ours alone"
        raise Misconfigured(message)
    return path

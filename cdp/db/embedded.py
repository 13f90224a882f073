"""An embedded PostgreSQL 18: made in half a second, shared by the processes that use one data folder."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from cdp.db import cluster, leftovers
from cdp.db.binaries import Binaries, find_binaries
from cdp.db.lock import FileLock, alone
from cdp.errors import Misconfigured

_TEMPORARY = "diptych-data-"
"""Name of temporary data folders, by which the leftovers of killed processes are found."""


@dataclass(slots=True)
class _Use:
    """This process's share in the server, given back once."""

    lock: FileLock | None


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddedPostgres:
    """A running server and the URLs of its three roles; a context manager that stops what it started.

    The superuser is for tests and for repair; the owner migrates; the application role owns nothing.
    """

    data_directory: Path
    superuser_url: str
    owner_url: str
    app_url: str
    _binaries: Binaries
    _use: _Use = field(repr=False)

    @classmethod
    def start(
        cls, data: Path | None = None, *, settings: Mapping[str, str] | None = None
    ) -> EmbeddedPostgres:
        """Start the server of a data folder, made if it is missing, or join it where it runs already.

        Args:
            data: the folder; None makes a temporary one, which goes when the server stops.
            settings: lines of postgresql.conf besides the defaults; a server that is joined keeps its own.

        Raises:
            Misconfigured: it cannot be made or started; the message says why.
        """
        if data is not None:
            _refuse_strangers(data)
        if sys.platform == "win32":
            raise Misconfigured(
                "The embedded PostgreSQL runs on Linux and macOS: give the URL of a PostgreSQL 18 as DATABASE_URL."
            )
        temporary = data is None
        if data is None:
            _sweep()
            folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY)).resolve()
            (folder / "temporary").touch()
        else:
            folder = data.expanduser().resolve()
        try:
            binaries = _prepare(folder)
            with alone(folder / "start.lock"):
                leftovers.clear(folder / "pg")
                address = _join(folder, binaries) or _start(folder, binaries, settings or {})
                credentials = cluster.read_credentials(folder)
                use = FileLock(folder / "users.lock")
                use.share()
        except BaseException:
            if temporary:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        return cls(
            data_directory=folder,
            superuser_url=address.url(cluster.SUPERUSER, credentials.superuser),
            owner_url=address.url(cluster.OWNER, credentials.owner),
            app_url=address.url(cluster.APP, credentials.app),
            _binaries=binaries,
            _use=_Use(use),
        )

    def stop(self) -> None:
        """Leave the server; the last to leave stops it, if Diptych started it. Doing it twice does nothing."""
        use, self._use.lock = self._use.lock, None
        if use is None:
            return
        try:
            with alone(self.data_directory / "start.lock"):
                if not use.try_take():
                    return
                _stop(self.data_directory, self._binaries)
                if (self.data_directory / "temporary").exists():
                    shutil.rmtree(self.data_directory, ignore_errors=True)
        finally:
            use.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def holds_database(data: Path) -> bool:
    """Whether an embedded database was made in this folder."""
    try:
        return (data.expanduser() / "pg").is_dir()
    except OSError:
        return False


def _refuse_strangers(data: Path) -> None:
    """Leave a folder alone that holds other things: it is a slip, and our files would lie among them.

    Raises:
        Misconfigured: it does, or cannot be looked into.
    """
    folder = data.expanduser()
    try:
        names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    except OSError as error:
        raise Misconfigured(f"The data folder {folder} cannot be used: {error.strerror}.") from error
    strangers = sorted(name for name in names - cluster.NAMES if not name.startswith("."))
    if strangers and "pg" not in names:
        raise Misconfigured(
            f"The folder {folder} holds other things ({strangers[0]}) and no database of Diptych: "
            "name an empty folder, or a new one."
        )


def _prepare(folder: Path) -> Binaries:
    """Make the outer folder, which the server's account may enter but not list."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        account = cluster.server_account(folder)
        folder.chmod(0o700 if account.uid is None else 0o711)
    except OSError as error:
        raise Misconfigured(f"The data folder {folder} cannot be used: {error.strerror}.") from error
    return find_binaries(account)


def _join(folder: Path, binaries: Binaries) -> cluster.Address | None:
    """Where the folder's server listens, if it runs and answers."""
    if (
        not (folder / "pg").is_dir()
        or binaries.run("pg_ctl", "status", "-D", str(folder / "pg"), cwd=folder).returncode
    ):
        return None
    return cluster.running(folder)


def _start(folder: Path, binaries: Binaries, settings: Mapping[str, str]) -> cluster.Address:
    data = folder / "pg"
    if not data.is_dir():
        cluster.create(folder, binaries)
    made_by = (data / "PG_VERSION").read_text().strip()
    ours = binaries.run("postgres", "--version", cwd=folder).stdout.split()[-1].split(".")[0]
    if made_by != ours:
        raise Misconfigured(
            f"{data} was made by PostgreSQL {made_by} and this is {ours}: dump it with the one, load it with the other."
        )
    address = cluster.configure(folder, settings)
    binaries.account.own_file(data / "diptych.conf")
    log = data / "server.log"
    log.unlink(missing_ok=True)
    done = binaries.run(
        "pg_ctl",
        "start",
        "--wait",
        "--timeout",
        "60",
        "--silent",
        "-D",
        str(data),
        "--log",
        str(log),
        cwd=folder,
    )
    if done.returncode != 0:
        said = log.read_text(errors="replace") if log.exists() else done.stdout
        raise Misconfigured(f"The embedded PostgreSQL in {folder} does not start: {_why(said)}.")
    (folder / "started").write_text(str(cluster.postmaster(folder)))
    return address


def _why(log: str) -> str:
    """The cause in a server's log: what was fatal, and what it refers to when that is only «contains errors»."""
    said: list[tuple[str, str]] = re.findall(r"(LOG|FATAL|PANIC): +(.*)", log)
    fatal = [text for level, text in said if level != "LOG"]
    if not fatal:
        return cluster.last_line(log)
    return said[0][1] if fatal[0].endswith("contains errors") else fatal[0]


def _stop(folder: Path, binaries: Binaries) -> None:
    """Stop the server that Diptych started; `fast` ends open connections, and loses nothing that was committed."""
    started = folder / "started"
    try:
        ours = int(started.read_text()) == cluster.postmaster(folder)
    except (FileNotFoundError, ValueError):
        return
    if ours:
        stop = ("pg_ctl", "stop", "--wait", "--mode", "fast", "--silent", "-D", str(folder / "pg"))
        done = binaries.run(*stop, cwd=folder)
        if done.returncode != 0:
            raise Misconfigured(
                f"The embedded PostgreSQL in {folder} does not stop: {cluster.last_line(done.stdout)}"
            )
        cluster.remove_socket_folder(folder)
    started.unlink(missing_ok=True)


def _sweep() -> None:
    """Stop and remove temporary servers whose process was killed before it could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_TEMPORARY}*"):
        with contextlib.suppress(OSError, Misconfigured):
            if (
                folder.is_symlink()
                or folder.stat().st_uid != os.geteuid()
                or not (folder / "started").is_file()
            ):
                continue
            use = FileLock(folder / "users.lock")
            try:
                with alone(folder / "start.lock"):
                    if use.try_take():
                        _stop(folder, _prepare(folder))
                        shutil.rmtree(folder, ignore_errors=True)
            finally:
                use.close()

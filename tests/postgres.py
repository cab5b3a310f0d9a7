"""A throw-away PostgreSQL cluster on loopback; not run as root, which it refuses."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

#: What is started, wherever Debian or somebody else has put it.
PLACES = (Path("/usr/local/bin"), *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
BINARIES = next(
    (each for each in PLACES if (each / "postgres").exists() and (each / "initdb").exists()), None
)
MISSING = "there is no PostgreSQL here (Debian: postgresql)"
OWNER = "gatecast"
PATIENCE = 120


def _account():
    """Give the user who runs it where we are root: `postgres`, or else `nobody`."""
    if os.getuid():
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise LookupError("neither postgres nor nobody is a user here")


def free_port():
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Cluster:
    """A cluster of one superuser, who needs no password, as a server that can be killed."""

    folder: Path
    port: int
    durable: bool
    server: subprocess.Popen | None = field(default=None)

    def address(self, database="postgres", driver=""):
        """Return a database's address, with the driver that SQLAlchemy is to take."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://{OWNER}@127.0.0.1:{self.port}/{database}"

    def connect(self, database="postgres"):
        return psycopg.connect(self.address(database), autocommit=True, connect_timeout=5)

    def create(self, database):
        """Make an empty database; returns its address."""
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{database}"')
        return self.address(database)

    def start(self):
        """Start the server and wait until it answers."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "on" if self.durable else "off",
            "max_connections": "200",
        }
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        command = [str(BINARIES / "postgres"), "-D", str(self.folder / "data"), *words]
        with (self.folder / "log").open("ab") as log:
            self.server = _run_as(command, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.server.poll() is None:
            with suppress(psycopg.OperationalError):
                self.connect().close()
                return
            time.sleep(0.05)
        raise RuntimeError((self.folder / "log").read_text()[-2000:])

    def kill(self):
        """Kill the server at once; its children notice, and end by themselves."""
        self.server.kill()
        self.server.wait()
        _wait_for_children(self.folder / "data" / "postmaster.pid")

    def stop(self):
        """End the server, and every session with it."""
        if self.server is not None and self.server.poll() is None:
            self.server.send_signal(signal.SIGINT)
            try:
                self.server.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()


def _wait_for_children(lock):
    """Wait until nobody has the shared memory of a killed server, or the next would not start."""
    with suppress(OSError, IndexError):
        segment = lock.read_text().splitlines()[6].split()[1]
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            rows = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
            attached = next((row.split()[6] for row in rows if row.split()[1] == segment), "0")
            if attached == "0":
                return
            time.sleep(0.05)


def _run_as(command, **options):
    account = _account()
    if account is not None:
        options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}
    return subprocess.Popen(command, cwd="/", env=environment, stdin=subprocess.DEVNULL, **options)


@contextmanager
def cluster(*, durable=False):
    """Give a running cluster in a folder of its own; both are gone afterwards.

    `durable` has it flush to the disk what it acknowledges, which a test of kills may want.
    """
    # pytest's folders are closed to other users, and another one runs it.
    folder = Path(tempfile.mkdtemp(prefix="gatecast-postgres-"))
    account = _account()
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    made = Cluster(folder=folder, port=free_port(), durable=durable)
    try:
        command = [str(BINARIES / "initdb"), "-D", str(folder / "data"), "-U", OWNER]
        command += ["-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        with _run_as(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as making:
            said = making.communicate(timeout=PATIENCE)[1]
        if making.returncode:
            raise RuntimeError(said.decode()[-2000:])
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)

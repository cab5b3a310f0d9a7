"""Start the parts of compose.yaml as processes on loopback: the same words, other addresses."""

import os
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from yaml import safe_load

from tests.postgres import free_port

ROOT = Path(__file__).resolve().parents[3]

#: The machine may be shared, and a service of four may start beside three others.
PATIENCE = 300

SECRETS = {
    "POSTGRES_PASSWORD": "not-asked-for",
    "S3_ACCESS_KEY": "key",
    "S3_SECRET_KEY": "secret",
    "GATECAST_COMPUTE:-processes": "dask",
}


def until(what, said, seconds=PATIENCE):
    """Wait until something is so; returns what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, said
        time.sleep(0.1)
    return found


def answers(address):
    """Say whether an address answers 200."""
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@dataclass
class Parts:
    """The parts that run, in a folder of their own, by the names that compose has for them."""

    folder: Path
    postgres: object
    running: dict = field(default_factory=dict)
    ports: dict = field(default_factory=dict)

    def __post_init__(self):
        self.compose = safe_load((ROOT / "compose.yaml").read_text())["services"]
        self.home.mkdir()
        for place in ("postgres:5432", "mlflow:5000", "store:9000", "prefect:4200", "redis:6379",
                      "dask-scheduler:8786"):  # fmt: skip
            self.ports[place] = free_port()
        self.ports["postgres:5432"] = self.postgres.port
        self.certificates = write_certificates(self.folder)

    @property
    def home(self):
        return self.folder / "home"

    def address(self, place):
        return f"http://127.0.0.1:{self.ports[place]}"

    def here(self, text):
        """Return a word of compose as it is said on this machine."""
        for place in ("/tmp/", "/var/lib/"):  # noqa: S108 - compose's own words
            text = text.replace(place, f"{self.folder}/")
        for name, value in SECRETS.items():
            text = text.replace(f"${{{name}}}", value)
        for name, path in self.certificates.items():
            text = text.replace(f"/run/secrets/{name}", str(path))
        for place, port in self.ports.items():
            text = text.replace(place, f"127.0.0.1:{port}")
            number = place.partition(":")[2]
            text = text.replace(f"--port={number}", f"--port={port}")
        return text.replace("/home/gatecast/var", str(self.home)).replace("0.0.0.0", "127.0.0.1")  # noqa: S104

    def environment(self, service):
        """Return the variables of a service, on top of this machine's without a measurement."""
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("GATECAST_", "COVERAGE"))}
        words = self.compose[service].get("environment", {})
        ours = {name: self.here(str(value)) for name, value in words.items()}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        # Source and packages are where the image has them: on the path of the interpreter.
        return kept | {"PATH": path, "DO_NOT_TRACK": "true"} | ours

    def command(self, service):
        words = self.compose[service]["command"]
        words = shlex.split(words) if isinstance(words, str) else words
        return [sys.executable if word == "python" else self.here(word) for word in words]

    def start(self, service, name="", command=(), **environment):
        """Start a service, under another name where several of it run; returns the process."""
        name = name or service
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [*(command or self.command(service))],
                cwd=self.folder, env=self.environment(service) | environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        return self.running[name]

    def run(self, service, command=(), **environment):
        """Run what ends by itself; returns what it printed."""
        done = subprocess.run(
            [*(command or self.command(service))], cwd=self.folder, capture_output=True,
            text=True, env=self.environment(service) | environment, check=False, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def ready(self, name, address):
        """Wait until a part answers."""

        def look():
            assert self.running[name].poll() is None, self.log(name)
            return answers(address)

        until(look, lambda: self.log(name))

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def stop(self):
        """End everything that was started, the last first."""
        for process in reversed(self.running.values()):
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def write_certificates(folder):
    """Write an authority, and a certificate of this machine that it signed; returns the paths."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate("authority", authority_key, "authority", authority_key)
    signed = _certificate("gatecast", key, "authority", authority_key)
    contents = {
        "dask_ca": authority.public_bytes(serialization.Encoding.PEM),
        "dask_cert": signed.public_bytes(serialization.Encoding.PEM),
        "dask_key": key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    }
    for name, content in contents.items():
        (folder / f"{name}.pem").write_bytes(content)
    return {name: folder / f"{name}.pem" for name in contents}


def _certificate(subject, key, issuer, issuer_key):
    def named(name):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])

    now = datetime.now(UTC)
    own = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    return (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=subject == issuer, path_length=None), critical=True)
        .add_extension(own, critical=False)
        .sign(issuer_key, hashes.SHA256())
    )

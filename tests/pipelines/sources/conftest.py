"""A stub server on loopback that proves to be data.example, and the policy that leads there."""

import ipaddress
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipelines.sources.fetch import ConnectionPolicy, Endpoint

HOST = "data.example"


class Authority:
    """A certificate authority that exists for one test session."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign("authority", self.key, x509.BasicConstraints(True, 0))
        self.path = folder / "authority.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def trust(self):
        return ssl.create_default_context(cafile=str(self.path))

    def serve_as(self, name):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(name, key, x509.BasicConstraints(False, None))
        path = self.folder / f"{name}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _sign(self, name, key, constraints):
        now = datetime.now(UTC)
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(constraints, critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .sign(self.key, hashes.SHA256())
        )


class Stub:
    """Answer each request with the next of `answers`; the last one stays."""

    def __init__(self, authority, name):
        self.answers = [reply(b"date,temp,wind\n2024-01-01,1,2\n")]
        self.requests = []
        self.names = []
        self.over = threading.Event()
        self.authority = authority
        context = authority.serve_as(name)
        context.sni_callback = lambda _line, host, _context: self.names.append(host)
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.stub = self
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    @property
    def endpoint(self):
        return Endpoint(address="127.0.0.1", port=self.server.server_address[1])

    def policy(self, **changes):
        """Whom the tests ask: this stub in the place of the allowed host, and nobody else."""
        chosen = {
            "hosts": (HOST, "archive-api.open-meteo.com"),
            "deadline_seconds": 10.0,
            "most_bytes": 100_000,
            "resolve": lambda _host: (self.endpoint,),
            "admits": lambda address: ipaddress.ip_address(address).is_loopback,
            "trust": self.authority.trust,
            "attempts": 3,
            "pause_seconds": 0.01,
            "silence_seconds": 5.0,
        }
        return ConnectionPolicy(**{**chosen, **changes})

    def close(self):
        self.over.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Server(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request, client_address):
        """A client that goes away in the middle is what many of these tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5

    def do_GET(self):
        stub = self.server.stub
        stub.requests.append((self.headers["Host"], self.path))
        self.close_connection = True
        answer = stub.answers.pop(0) if len(stub.answers) > 1 else stub.answers[0]
        answer(self)

    def log_message(self, *_):
        pass


def reply(body=b"", status=200, **headers):
    def answer(handler):
        handler.send_response(status)
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        for key, value in {"Content-Length": str(len(body)), **named}.items():
            if value is not None:
                handler.send_header(key, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def stub(authority):
    server = Stub(authority, HOST)
    yield server
    server.close()


@pytest.fixture
def meteo_stub(authority):
    server = Stub(authority, "archive-api.open-meteo.com")
    yield server
    server.close()


@pytest.fixture
def impostor(authority):
    """A server at the right address with a good certificate of somebody else."""
    server = Stub(authority, "other.example")
    yield server
    server.close()


@pytest.fixture
def answer_with():
    return reply

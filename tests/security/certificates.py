"""Real certificates, made when a test asks for them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Certified:
    """A private key and its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def made(cls, name: str, *sans: x509.GeneralName, signer: Certified | None = None) -> Self:
        """For this common name and these alternative ones; its own signer, if there is no other."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(signer.certificate.subject if signer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + _DAY)
            .add_extension(
                x509.BasicConstraints(ca=signer is None, path_length=None), critical=True
            )
        )
        if sans:
            builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
        return cls(key, builder.sign(signer.key if signer else key, hashes.SHA256()))

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


@dataclass(frozen=True)
class Authorities:
    """A server's certificate in a folder, and the CA of its clients."""

    folder: Path
    server: Certified
    clients: Certified

    @classmethod
    def made(cls, folder: Path) -> Self:
        server = Certified.made("server", x509.DNSName("localhost"))
        (folder / "server.pem").write_bytes(server.pem)
        (folder / "server.key").write_bytes(server.key_pem)
        clients = Certified.made("clients")
        (folder / "clients.pem").write_bytes(clients.pem)
        return cls(folder, server, clients)

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "tls_cert_file": self.folder / "server.pem",
            "tls_key_file": self.folder / "server.key",
            "tls_client_ca_file": self.folder / "clients.pem",
        }

    def credentials(
        self, name: str, *sans: x509.GeneralName, signer: Certified | None = None
    ) -> grpc.ChannelCredentials:
        """Those of a client that trusts the server, signed by the CA of the clients."""
        client = Certified.made(name, *sans, signer=signer or self.clients)
        return grpc.ssl_channel_credentials(self.server.pem, client.key_pem, client.pem)

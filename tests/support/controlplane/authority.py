"""A certificate authority of its own for each control plane, for its servers and for AWS's host names."""

from __future__ import annotations

import datetime as dt
import ipaddress
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path

_LIFETIME = dt.timedelta(days=7)


class Authority:
    """Issues certificates; `certificate_file` is what clients have to trust."""

    def __init__(self, folder: Path, *, identifies: bool = True) -> None:
        """Make a new authority that keeps its files in `folder`.

        Args:
            folder: Where.
            identifies: Whether certificates name the keys that they are for and signed with, as most do.
        """
        self._folder = folder
        self._identifies = identifies
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "awsauth-test-ca")])
        self._identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = self._builder(self._name, self._key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        usage = _usage(key_cert_sign=True, crl_sign=True)
        certificate = builder.add_extension(usage, critical=True)
        if identifies:
            certificate = certificate.add_extension(self._identifier, critical=False)
        self.certificate_file = folder / "ca.crt"
        self.certificate_file.write_bytes(_pem(certificate.sign(self._key, hashes.SHA256())))

    def issue(self, *hosts: str) -> tuple[Path, Path]:
        """Write a server's certificate for these names and addresses; return its file and that of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        builder = self._builder(name, key.public_key()).add_extension(names, critical=False)
        return self._signed(builder, ExtendedKeyUsageOID.SERVER_AUTH, hosts[0], key)

    def issue_to_user(self, username: str, *groups: str) -> tuple[Path, Path]:
        """Write the certificate that Kubernetes takes for this user in these groups; return its file and its key's."""
        key = ec.generate_private_key(ec.SECP256R1())
        organisations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        name = x509.Name([*organisations, x509.NameAttribute(NameOID.COMMON_NAME, username)])
        return self._signed(self._builder(name, key.public_key()), ExtendedKeyUsageOID.CLIENT_AUTH, username, key)

    def _signed(
        self, builder: x509.CertificateBuilder, use: x509.ObjectIdentifier, name: str, key: ec.EllipticCurvePrivateKey
    ) -> tuple[Path, Path]:
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        )
        if self._identifies:
            signer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._identifier)
            builder = builder.add_extension(signer, critical=False)
        certificate_file = self._folder / f"{name}.crt"
        certificate_file.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))
        return certificate_file, write_key(key, self._folder / f"{name}.key")

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + _LIFETIME)
        )


def write_key(key: ec.EllipticCurvePrivateKey, path: Path) -> Path:
    """Write a private key and return where it is."""
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    return path


def write_new_key(path: Path) -> Path:
    """Write a new private key and return where it is."""
    return write_key(ec.generate_private_key(ec.SECP256R1()), path)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )

"""Certificates for the tests: an authority of our own, and whatever a server is to show."""
import datetime
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    def __init__(self, folder, name="test authority"):
        self.folder = folder
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(self.name, self.key.public_key(), x509.BasicConstraints(True, None), None, 1)
        self.path = os.path.join(folder, f"{name.replace(' ', '-')}.pem")
        with open(self.path, "wb") as file:
            file.write(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, host, days=1):
        """Paths of a certificate and its key; `days` below zero makes one that has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = self._sign(subject, key.public_key(), x509.BasicConstraints(False, None), host, days)
        stem = os.path.join(self.folder, f"{host}.{days}.{self.name.rfc4514_string()[3:].replace(' ', '-')}")
        with open(f"{stem}.pem", "wb") as file:
            file.write(certificate.public_bytes(serialization.Encoding.PEM))
        with open(f"{stem}.key", "wb") as file:
            file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption()))
        return f"{stem}.pem", f"{stem}.key"

    def issue_self_signed(self, host):
        """Paths of a certificate that nobody else vouches for, and its key."""
        return Authority(self.folder, f"self-signed {host}")._paths(host)

    def _paths(self, host):
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        self.certificate = self._sign(self.name, self.key.public_key(), x509.BasicConstraints(False, None), host, 1)
        with open(self.path, "wb") as file:
            file.write(self.certificate.public_bytes(serialization.Encoding.PEM))
        with open(f"{self.path}.key", "wb") as file:
            file.write(self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                              serialization.NoEncryption()))
        return self.path, f"{self.path}.key"

    def _sign(self, subject, public_key, constraints, host, days):
        now = datetime.datetime.now(datetime.timezone.utc)
        begin, end = (now - DAY, now + days * DAY) if days > 0 else (now - 3 * DAY, now - DAY)
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public_key)
                   .serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)
                   .add_extension(constraints, critical=True))
        if host:
            import ipaddress
            try:
                name = x509.IPAddress(ipaddress.ip_address(host))
            except ValueError:
                name = x509.DNSName(host)
            builder = builder.add_extension(x509.SubjectAlternativeName([name]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

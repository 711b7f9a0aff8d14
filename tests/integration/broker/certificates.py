"""A certificate authority for a test run."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Authority:
    """Issues certificates; kept as files, because that is what a listener is given."""

    folder: Path
    name: str

    @property
    def certificate(self) -> Path:
        """What its certificates are verified with."""
        return self.folder / f"{self.name}.crt"

    def issue(self, file: str, subject: str, at: str | None = None, *, days: int = 2) -> tuple[Path, Path]:
        """Return certificate and key for a subject such as /CN=localhost, issued on that day for so many days."""
        key, request, certificate = (self.folder / f"{file}.{kind}" for kind in ("key", "csr", "crt"))
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                 "-out", request, "-subj", subject, "-addext", "subjectAltName=DNS:localhost")  # fmt: skip
        _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.folder / f"{self.name}.key",
                 "-copy_extensions", "copyall", "-days", str(days), "-out", certificate, at=at)  # fmt: skip
        return certificate, key

    def client(self, certificate: tuple[Path, Path] | None = None) -> ssl.SSLContext:
        """Return the client's side of TLS, with or without a certificate of its own."""
        context = ssl.create_default_context(cafile=self.certificate)
        if certificate:
            context.load_cert_chain(*certificate)
        return context


def authority(folder: Path, name: str) -> Authority:
    """Make a new one."""
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt", "-subj", f"/CN={name}")  # fmt: skip
    return Authority(folder, name)


def _openssl(*arguments: str | Path, at: str | None = None) -> None:
    day = ["faketime", at] if at else []
    subprocess.run([*day, "openssl", *map(str, arguments)], check=True, capture_output=True)

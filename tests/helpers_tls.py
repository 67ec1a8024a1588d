"""A certificate authority of our own and a certificate for 127.0.0.1, made by openssl."""

import ssl
import subprocess
from pathlib import Path


def certificates(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for 127.0.0.1, and the file of the only authority that vouches for it."""
    ca, key, cert = folder / "ca.pem", folder / "key.pem", folder / "cert.pem"
    request, extensions = folder / "request.pem", folder / "extensions"
    extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    _openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-days", "2", "-subj", "/CN=test authority", "-keyout", str(folder / "ca-key.pem")),
        *("-addext", "keyUsage=keyCertSign", "-out", str(ca)),
    )
    _openssl(
        *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-subj", "/CN=127.0.0.1", "-keyout", str(key), "-out", str(request)),
    )
    _openssl(
        *("x509", "-req", "-in", str(request), "-CA", str(ca), "-days", "2"),
        *("-CAkey", str(folder / "ca-key.pem"), "-CAcreateserial"),
        *("-extfile", str(extensions), "-out", str(cert)),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, ca


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)

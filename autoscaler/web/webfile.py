"""The web config file in the exporter toolkit's form: TLS, basic auth, headers, a rate limit.

Read at start (faults end the start) and again when it, the certificate or the key changes, so that
a rotated certificate or user counts without a restart; a broken new file leaves the old in force.
Go's cipher and curve lists have no equivalent here and are refused rather than ignored.
"""

import re
import ssl
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

HEADER_NAMES = (
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
)
"""The headers that the toolkit lets a person set."""

_BCRYPT = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


class WebFileFault(ValueError):
    """The web config file cannot be used; the text names the file, the key and what is wanted."""


class ClientAuth(StrEnum):
    """How clients prove themselves by certificate, in the toolkit's words."""

    NONE = "NoClientCert"
    IF_GIVEN = "VerifyClientCertIfGiven"
    REQUIRED = "RequireAndVerifyClientCert"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TlsSettings(_Strict):
    """`tls_server_config`."""

    cert_file: Path
    key_file: Path
    client_auth_type: ClientAuth = ClientAuth.NONE
    client_ca_file: Path | None = None
    min_version: Literal["TLS12", "TLS13"] = "TLS12"


def _is_bcrypt(text: str) -> str:
    if not _BCRYPT.fullmatch(text):
        raise ValueError("a bcrypt hash is wanted, as `htpasswd -nBC 10 USER` prints it")
    return text


def _is_known_header(name: str) -> str:
    if name not in HEADER_NAMES:
        raise ValueError(f"one of {', '.join(HEADER_NAMES)} is wanted")
    return name


def _is_duration(text: str) -> str:
    if not _DURATION.fullmatch(text):
        raise ValueError("a duration such as 500ms, 1s or 1m is wanted")
    return text


HeaderName: TypeAlias = Annotated[str, AfterValidator(_is_known_header)]
Hash: TypeAlias = Annotated[str, AfterValidator(_is_bcrypt)]


class HttpSettings(_Strict):
    """`http_server_config`."""

    http2: bool = True
    """Read and without effect: this server speaks HTTP/1.1."""
    headers: Mapping[HeaderName, str] = Field(default_factory=dict)


class RateSettings(_Strict):
    """`rate_limit`: one request each `interval`, `burst` at once."""

    interval: Annotated[str, AfterValidator(_is_duration)]
    burst: int = Field(ge=1)

    @property
    def interval_seconds(self) -> float:
        """Seconds after which one more request is let through."""
        match = _DURATION.fullmatch(self.interval)
        return 0.0 if match is None else float(match[1]) * _SECONDS[match[2]]


class WebFileSettings(_Strict):
    """The whole file."""

    tls_server_config: TlsSettings | None = None
    basic_auth_users: Mapping[str, Hash] = Field(default_factory=dict)
    http_server_config: HttpSettings = Field(default_factory=HttpSettings)
    rate_limit: RateSettings | None = None


class WebFile:
    """One file on disk and what it says now."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises WebFileFault."""
        self._path = path
        self._stamp = _stamp(path)
        self._settings = read_web_file(path)
        self._tls: ssl.SSLContext | None = None
        self._tls_stamp: tuple[float, ...] = ()

    def settings(self) -> WebFileSettings:
        """Return what the file says, read again if it changed; a broken one changes nothing."""
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._settings = read_web_file(self._path)
            except WebFileFault:
                return self._settings
        return self._settings

    def tls_context(self) -> ssl.SSLContext | None:
        """Return a server context that follows the certificate on disk; None = plain HTTP. Raises
        WebFileFault.
        """
        context = self._load_tls()
        if context is not None:
            context.sni_callback = self._swap
        return context

    def _swap(
        self, connection: ssl.SSLObject, server_name: str | None, context: ssl.SSLContext
    ) -> None:
        del server_name, context
        try:
            fresh = self._load_tls()
        except WebFileFault:
            return
        if fresh is not None:
            connection.context = fresh

    def _load_tls(self) -> ssl.SSLContext | None:
        tls = self.settings().tls_server_config
        if tls is None:
            return None
        folder = self._path.parent
        files = [
            folder / path for path in (tls.cert_file, tls.key_file, tls.client_ca_file) if path
        ]
        stamp = tuple(mark for path in files for mark in _stamp(path))
        if self._tls is None or stamp != self._tls_stamp:
            self._tls, self._tls_stamp = _build_tls(tls, folder), stamp
        return self._tls


def read_web_file(path: Path) -> WebFileSettings:
    """Read and check one file. Raises WebFileFault, listing all faults."""
    try:
        document = yaml.safe_load(path.read_text("utf-8")) or {}
    except OSError as fault:
        raise WebFileFault(f"{path}: cannot be read: {fault.strerror}") from fault
    except (yaml.YAMLError, UnicodeDecodeError) as fault:
        raise WebFileFault(f"{path}: is not valid YAML: {fault}") from fault
    try:
        return WebFileSettings.model_validate(document)
    except ValidationError as fault:
        faults = (
            f"{'.'.join(map(str, error['loc']))}: {error['msg']}"
            for error in fault.errors(include_input=False, include_url=False)
        )
        raise WebFileFault(f"{path}: {'; '.join(faults)}") from fault


def _build_tls(tls: TlsSettings, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.min_version]
    try:
        context.load_cert_chain(folder / tls.cert_file, folder / tls.key_file)
        if tls.client_ca_file is not None:
            context.load_verify_locations(folder / tls.client_ca_file)
    except (OSError, ssl.SSLError) as fault:
        raise WebFileFault(
            f"{tls.cert_file}: certificate or key cannot be used: {fault}"
        ) from fault
    if tls.client_auth_type is ClientAuth.REQUIRED:
        context.verify_mode = ssl.CERT_REQUIRED
    elif tls.client_auth_type is ClientAuth.IF_GIVEN:
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _stamp(path: Path) -> tuple[float, ...]:
    try:
        stat = path.stat()
    except OSError:
        return (0.0, 0.0)
    return (stat.st_mtime_ns, stat.st_ino)

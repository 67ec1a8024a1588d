"""The file of users, headers, limits and certificates (Prometheus' web.config.file)."""

import base64
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import bcrypt
import pytest
from helpers_web import FakeConsole, meter_at
from helpers_web_site import Start, sites

from autoscaler.web import WebConfig, WebServer
from autoscaler.web.webfile import WebFileFault, read_web_file

HASH = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with sites() as begin:
        yield begin


def _file(folder: Path, text: str) -> Path:
    path = folder / "web.yaml"
    path.write_text(text)
    return path


def _basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


async def test_users_of_the_file_are_asked_for_everywhere_but_at_health(
    start: Start, tmp_path: Path
) -> None:
    path = _file(tmp_path, f"basic_auth_users: {{asha: '{HASH}'}}\n")
    site = await start(web_config_file=path, admin_token=None)
    status, _, headers = await site.get("/metrics")
    assert status == 401
    assert headers["WWW-Authenticate"].startswith("Basic")
    assert (await site.get("/livez"))[0] == 200
    assert (await site.get("/metrics", **_basic("asha", "secret")))[0] == 200
    for user, password in (("asha", "wrong"), ("ravi", "secret"), ("", "")):
        assert (await site.get("/metrics", **_basic(user, password)))[0] == 401
    pause = "/api/v1/deployments/chat-frontdoor/pause"
    assert (await site.post(pause, token=None, **_basic("asha", "secret")))[0] == 200


async def test_a_user_added_to_the_file_counts_at_once_and_a_broken_file_changes_nothing(
    start: Start, tmp_path: Path
) -> None:
    path = _file(tmp_path, f"basic_auth_users: {{asha: '{HASH}'}}\n")
    site = await start(web_config_file=path)
    path.write_text(f"basic_auth_users: {{asha: '{HASH}', ravi: '{HASH}'}}\n# longer\n")
    assert (await site.get("/metrics", **_basic("ravi", "secret")))[0] == 200
    path.write_text("basic_auth_users: [oops\n")
    assert (await site.get("/metrics", **_basic("ravi", "secret")))[0] == 200
    assert (await site.get("/metrics"))[0] == 401


async def test_headers_and_rate_limit_of_the_file_are_obeyed(start: Start, tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        "http_server_config: {headers: {Strict-Transport-Security: max-age=60}}\n"
        "rate_limit: {interval: 1h, burst: 2}\n",
    )
    site = await start(web_config_file=path)
    _, _, headers = await site.get("/metrics")
    assert headers["Strict-Transport-Security"] == "max-age=60"
    assert [(await site.get("/metrics"))[0] for _ in range(2)] == [200, 429]
    assert (await site.get("/livez"))[0] == 200


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("basic_auth_users: {asha: plain}", "bcrypt"),
        ("http_server_config: {headers: {X-Mine: a}}", "Content-Security-Policy"),
        ("tls_server_config: {cert_file: a}", "key_file"),
        ("tls_server_config: {cert_file: a, key_file: b, cipher_suites: [x]}", "cipher_suites"),
        ("rate_limit: {interval: soon, burst: 1}", "duration"),
        ("colour: red", "colour"),
        ("a: [", "YAML"),
    ],
)
def test_a_fault_of_the_file_is_named(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(WebFileFault, match=what):
        read_web_file(_file(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WebFileFault, match=r"gone\.yaml"):
        read_web_file(tmp_path / "gone.yaml")


def _certificate(folder: Path, name: str) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
        check=True, capture_output=True,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")
async def test_a_rotated_certificate_is_served_without_a_restart(tmp_path: Path) -> None:
    _certificate(tmp_path, "first")
    path = _file(tmp_path, "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n")
    config = WebConfig(listen="127.0.0.1:0", web_config_file=path)
    server = WebServer(FakeConsole(), meter_at(), config)
    await server.start()
    try:
        assert server.url.startswith("https://127.0.0.1:")
        for name in ("first", "second"):
            if name == "second":
                _certificate(tmp_path, name)
            trust = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
            connector = aiohttp.TCPConnector(ssl=trust)
            async with (
                aiohttp.ClientSession(connector=connector) as client,
                client.get(f"{server.url}/livez") as got,
            ):
                assert got.status == 200
    finally:
        await server.stop()

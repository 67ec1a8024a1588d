"""`run`: how it says that it cannot."""

import socket

from helpers_cli import call, platform
from helpers_cloud import Platform


def test_a_taken_address_is_a_sentence_that_says_what_to_do() -> None:
    with platform(Platform([])) as env, socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        env |= {"NEEVSCALE_WEB__LISTEN": listen, "NEEVSCALE_STATE__PATH": ":memory:"}
        ended = call("run", env=env)
    assert ended.code == 1
    assert f"Cannot listen on {listen}" in ended.err
    assert "set web.listen" in ended.err

"""`neevscale demo`: what it tells, how it looks, and that it runs by itself and ends."""

import asyncio
import io
import os
import signal
import sys

import aiohttp
import pytest
from rich.console import Console

from autoscaler.cli.demo_screen import Frame, LineScreen, LiveScreen, clock_text, screen_for
from autoscaler.cli.demo_sink import AlertSink, Delivered
from autoscaler.cli.demo_story import Happening, Story
from autoscaler.core.model import Ask, Decision, Deployment, Estimate, Orders
from autoscaler.core.policy import Policy
from autoscaler.core.snapshot import (
    ControlPlaneView,
    DeploymentView,
    ProbeView,
    Snapshot,
    UptimeView,
)
from autoscaler.core.words import Reason, Status, Verdict

PROGRAM = "import typer; from autoscaler.cli.demo import demo; typer.run(demo)"
POISON = {
    "NEEV_API_TOKEN": "pat-nc-real-looking",
    "NEEV_ORG_ID": "org-real",
    "NEEV_PROJECT_ID": "prj-real",
    "NEEV_INFERENCE_API_KEY": "sk-nc-real-looking",
    "NEEVSCALE_CLOUD__BASE_URL": "https://api.example.com/aimodels",
    "NEEVSCALE_NONSENSE": "1",
}
START = 1000.0
FAILED = Delivered(
    status="firing",
    name="NeevDeploymentFailed",
    deployment="chat",
    severity="critical",
    summary="chat has failed",
)


def deployment(*, status: Status = Status.READY, replicas: int = 1) -> Deployment:
    return Deployment(
        id="dep-1",
        name="chat",
        project_id="prj",
        model_id="a/b",
        model_name=None,
        region="r",
        status=status,
        raw_status=status.value,
        endpoint_url=None,
        gpu_config_id="gpu",
        gpu_count=1,
        replicas=replicas,
        created_at=None,
        updated_at=None,
        uptime_seconds=0,
    )


def decision(*, at: float, current: int, target: int, asks: bool = True) -> Decision:
    verdict = Verdict.UP if target > current else Verdict.DOWN
    return Decision(
        at=at,
        deployment_id="dep-1",
        deployment="chat",
        current=current,
        recommended=target,
        target=target,
        verdict=verdict,
        reason=Reason.SCALE_UP_SLO if verdict is Verdict.UP else Reason.SCALE_DOWN,
        because="load 1.9\x1b[31m needs more",
        steps=(),
        estimate=Estimate(at=at, load=1.9),
        ask=target if asks else None,
    )


def picture(at: float, view: Deployment, made: Decision | None = None) -> Snapshot:
    ask = Ask(count=3, from_count=1, asked_at=at) if made else None
    seen = DeploymentView(
        deployment=view,
        status=view.status,
        seen_at=at,
        policy=Policy(),
        orders=Orders(),
        ask=ask,
        decision=made,
        shadow_replicas=None,
        shadow_cost=None,
        probe=ProbeView(ttft_p50=0.12, itl_p50=0.025),
        uptime=UptimeView(
            seconds={},
            ready_sessions=1,
            availability_ratio=None,
            status_since=0.0,
            uptime_seconds=0,
        ),
        slos=(),
        cost=None,
        alerts=(),
    )
    return Snapshot(
        at=at,
        started_at=START,
        version="0",
        mode="active",
        control_plane=ControlPlaneView(last_success_at=at),
        deployments=(seen,),
        alerts=(),
        silences=(),
        jobs=(),
        receivers=(),
        fleet_cost=None,
        loop_lag_p99_seconds=None,
    )


def frame(elapsed: float, snapshot: Snapshot, *news: Happening) -> Frame:
    return Frame(
        elapsed_seconds=elapsed,
        started_at=START,
        page_url="http://127.0.0.1:1",
        snapshot=snapshot,
        news=news,
        happenings=news,
    )


def test_the_first_picture_is_no_news() -> None:
    assert Story().follow(picture(START, deployment()), []) == []


def test_changes_decisions_and_alerts_are_told_in_their_order() -> None:
    story = Story()
    story.follow(picture(START, deployment()), [])
    made = decision(at=START + 4, current=1, target=3)
    failed = deployment(status=Status.FAILED, replicas=2)
    news = story.follow(picture(START + 5, failed, made), [FAILED])
    assert [happening.text for happening in news] == [
        "chat: ▲ scale 1 → 3, scale_up_slo: load 1.9�[31m needs more",
        "chat: status ready → failed",
        "chat: 2 replicas run, 1 before",
        "✉ webhook got firing NeevDeploymentFailed (critical): chat has failed",
    ]
    assert (story.decisions, story.scale_ups, story.scale_downs, story.alerts) == (1, 1, 0, 1)


def test_a_decision_is_counted_once_and_told_only_if_it_asks() -> None:
    story = Story()
    quiet = decision(at=START, current=3, target=2, asks=False)
    assert story.follow(picture(START, deployment(), quiet), []) == []
    assert story.follow(picture(START, deployment(), quiet), []) == []
    assert (story.decisions, story.scale_downs) == (1, 0)
    loud = decision(at=START + 3, current=3, target=2)
    (told,) = story.follow(picture(START + 3, deployment(), loud), [])
    assert told.text.startswith("chat: ▼ scale 3 → 2")


def test_lines_show_events_at_once_and_the_fleet_now_and_then() -> None:
    output = io.StringIO()
    console = Console(file=output, width=200)
    assert isinstance(screen_for(console), LineScreen)
    with screen_for(console) as screen:
        screen.show(frame(0.0, picture(START, deployment())))
        screen.show(frame(1.0, picture(START, deployment()), Happening(START + 1, "told")))
        made = decision(at=START, current=1, target=3)
        screen.show(frame(16.0, picture(START, deployment(), made)))
    lines = output.getvalue().splitlines()
    assert lines[0] == (
        "00:00  chat: ready, replicas 1, TTFT 120 ms, ITL 25 ms, load -, -/h; no decision yet"
    )
    assert lines[1] == "00:01  told"
    assert lines[2].startswith("00:16  chat: ready, replicas 1 → 3 asked")
    assert lines[2].endswith("up scale_up_slo: load 1.9�[31m needs more")
    assert len(lines) == 3


def test_the_terminal_shows_a_table_with_the_reason_and_the_last_events() -> None:
    output = io.StringIO()
    console = Console(file=output, width=160, force_terminal=True, color_system=None)
    assert isinstance(screen_for(console), LiveScreen)
    with screen_for(console) as screen:
        made = decision(at=START, current=1, target=3)
        told = Happening(START + 75, "chat: status ready → failed")
        screen.show(frame(75.0, picture(START, deployment(), made), told))
    text = output.getvalue()
    for wanted in (
        "last decision",
        "1 → 3 asked",
        "up scale_up_slo: load 1.9",
        "01:15  chat: status ready → failed",
        "http://127.0.0.1:1",
    ):
        assert wanted in text
    assert "\x1b[31m needs" not in text


def test_time_is_minutes_and_seconds() -> None:
    assert (clock_text(-1.0), clock_text(75.4), clock_text(3600.0)) == ("00:00", "01:15", "60:00")


async def test_the_sink_keeps_what_it_is_sent() -> None:
    sink = AlertSink()
    await sink.start()
    body = {
        "alerts": [
            {
                "status": "firing",
                "labels": {
                    "alertname": "NeevDeploymentFailed",
                    "deployment": "chat",
                    "severity": "critical",
                },
                "annotations": {"summary": "chat has failed"},
            }
        ]
    }
    async with aiohttp.ClientSession() as session, session.post(sink.url, json=body) as response:
        assert response.status == 200
    await sink.stop()
    assert sink.alerts == [FAILED]


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", PROGRAM, *arguments),
        env=os.environ | POISON,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.slow
async def test_it_ends_by_itself_with_a_summary_whatever_the_environment() -> None:
    process = await start("--duration", "3", "--port", "0", "--past", "0")
    output, complaints = await process.communicate()
    assert (process.returncode, complaints) == (0, b"")
    lines = output.decode().splitlines()
    assert {line.split()[1] for line in lines[:3]} == {"batch:", "chat:", "search:"}
    assert lines[-1].startswith("Summary: ")


@pytest.mark.slow
async def test_it_begins_with_a_past_and_goes_on_live() -> None:
    process = await start("--duration", "3", "--port", "0", "--past", "0.5")
    output, complaints = await process.communicate()
    assert (process.returncode, complaints) == (0, b"")
    text = output.decode()
    assert "From here on it is live." in text
    assert text.splitlines()[-1].startswith("Summary: ")


@pytest.mark.slow
async def test_it_ends_in_order_on_a_signal() -> None:
    process = await start("--port", "0", "--past", "0")
    assert process.stdout is not None
    await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    output, complaints = await process.communicate()
    assert (process.returncode, complaints) == (0, b"")
    assert output.decode().splitlines()[-1].startswith("Summary: ")


@pytest.mark.slow
async def test_it_says_what_to_do_when_its_port_is_taken() -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = await start("--port", str(port), "--past", "0")
    _, complaints = await process.communicate()
    server.close()
    await server.wait_closed()
    assert process.returncode == 1
    assert b"--port 0" in complaints
    assert b"Traceback" not in complaints

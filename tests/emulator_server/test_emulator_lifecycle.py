"""How emulated deployments change over virtual time: transitions, uptime, failure, deletion."""

from dataclasses import replace

import pytest
from helpers_emulator import ONE, ORDER, VIRTUAL_START, platform

from autoscaler.clock import LoopClock, run_virtual
from autoscaler.core.codec import decode
from autoscaler.emulator.ledger import Truth
from autoscaler.emulator.scenario import Deed, DeploymentPlan, Event, Rules, Scenario
from autoscaler.emulator.workload import Shape, ShapeKind, Workload


def clock() -> LoopClock:
    return LoopClock(VIRTUAL_START)


def test_a_deployment_becomes_ready_after_its_cold_start() -> None:
    async def story() -> None:
        scenario = replace(ONE, rules=Rules(cold_start_seconds=90.0))
        async with platform(scenario, clock()) as client:
            await client.call("POST", client.deployments, json=ORDER)
            await client.clock.sleep(89.0)
            assert (await client.view("new-one"))["status"] == "initializing"
            await client.clock.sleep(11.0)
            view = await client.view("new-one")
            assert (view["status"], view["replicas"], view["uptime_seconds"]) == ("ready", 1, 10)
            assert view["endpoint_url"] == client.emulator.endpoint_url("new-one")
            assert (await client.chat("new-one", max_tokens=2)).status == 200

    run_virtual(story())


def test_scaling_up_passes_through_the_transition_and_restarts_uptime() -> None:
    async def story() -> None:
        async with platform(ONE, clock()) as client:
            await client.clock.sleep(100.0)
            reply = await client.scale("chat-a", 4)
            assert (reply.status, reply.body["status"]) == (200, "initializing")
            assert (reply.body["replicas"], reply.body["uptime_seconds"]) == (2, 0)
            assert reply.body["endpoint_url"] is not None
            assert (await client.chat("chat-a", max_tokens=2)).status == 200
            await client.clock.sleep(25.0)
            view = await client.view("chat-a")
            assert (view["status"], view["replicas"]) == ("ready", 4)
            truth = client.emulator.truth()
            ready_at = truth.deployment("chat-a").ready_since
            assert ready_at == VIRTUAL_START + 120.0
            assert [change.after for change in truth.status_changes] == [
                "ready",
                "initializing",
                "ready",
            ]

    run_virtual(story())


def test_a_scale_up_that_is_undone_while_it_starts_is_over_at_once() -> None:
    """Not when somebody next looks: `updated_at` is what bills are settled by."""

    async def story() -> None:
        async with platform(ONE, clock()) as client:
            await client.scale("chat-a", 4)
            await client.clock.sleep(5.0)
            assert (await client.scale("chat-a", 2)).body["status"] == "ready"
            await client.clock.sleep(100.0)
            await client.view("chat-a")
            unit = client.emulator.truth().deployment("chat-a")
            assert unit.ready_since == VIRTUAL_START + 5.0
            assert [change.at - VIRTUAL_START for change in unit.replica_changes] == [0.0, 0.0, 5.0]

    run_virtual(story())


def test_the_transitions_word_and_endpoint_are_configurable() -> None:
    async def story() -> None:
        rules = Rules(transition_status="updating", endpoint_in_transition=False)
        async with platform(replace(ONE, rules=rules), clock()) as client:
            body = (await client.scale("chat-a", 3)).body
            assert (body["status"], body["endpoint_url"]) == ("updating", None)

    run_virtual(story())


def test_a_transition_called_ready_keeps_uptime() -> None:
    async def story() -> None:
        rules = Rules(transition_status="ready")
        async with platform(replace(ONE, rules=rules), clock()) as client:
            await client.clock.sleep(50.0)
            body = (await client.scale("chat-a", 3)).body
            assert (body["status"], body["uptime_seconds"]) == ("ready", 50)

    run_virtual(story())


def test_updated_at_moves_with_each_change_and_not_between() -> None:
    async def story() -> None:
        async with platform(ONE, clock()) as client:
            first = (await client.view("chat-a"))["updated_at"]
            await client.clock.sleep(10.0)
            assert (await client.view("chat-a"))["updated_at"] == first
            asked = (await client.scale("chat-a", 3)).body["updated_at"]
            await client.clock.sleep(60.0)
            settled = (await client.view("chat-a"))["updated_at"]
            assert first < asked < settled

    run_virtual(story())


def test_deletion_goes_through_terminating_and_frees_the_name() -> None:
    async def story() -> None:
        async with platform(ONE, clock()) as client:
            url = client.deployment("chat-a")
            assert (await client.call("DELETE", url)).status == 204
            assert (await client.view("chat-a"))["status"] == "terminating"
            assert (await client.scale("chat-a", 3)).status == 400
            assert (await client.chat("chat-a")).status == 503
            assert (await client.call("DELETE", url)).status == 204
            await client.clock.sleep(40.0)
            assert (await client.get(url)).status == 404
            assert (await client.get(client.deployments)).body["items"] == []
            truth = client.emulator.truth().deployment("chat-a")
            assert truth.deleted_at == VIRTUAL_START + 30.0
            assert truth.billed_replica_seconds == pytest.approx(60.0)
            again = await client.call("POST", client.deployments, json=ORDER | {"name": "chat-a"})
            assert again.status == 201

    run_virtual(story())


def test_a_failed_deployment_is_billed_and_starts_a_new_session_when_it_recovers() -> None:
    async def story() -> None:
        events = (
            Event(at_seconds=100.0, deployment="chat-a", deed=Deed.FAIL),
            Event(at_seconds=160.0, deployment="chat-a", deed=Deed.RECOVER),
        )
        async with platform(replace(ONE, events=events), clock()) as client:
            await client.clock.sleep(130.0)
            view = await client.view("chat-a")
            assert (view["status"], view["uptime_seconds"]) == ("failed", 0)
            assert view["endpoint_url"] is None
            assert (await client.chat("chat-a")).status == 503
            await client.clock.sleep(60.0)
            view = await client.view("chat-a")
            assert (view["status"], view["uptime_seconds"]) == ("ready", 30)
            truth = client.emulator.truth()
            assert truth.deployment("chat-a").billed_replica_seconds == pytest.approx(380.0)
            assert [change.at - VIRTUAL_START for change in truth.status_changes] == [0, 100, 160]

    run_virtual(story())


def test_scripted_hands_crashes_and_deletions_take_place() -> None:
    async def story() -> None:
        events = (
            Event(at_seconds=10.0, deployment="chat-a", deed=Deed.SCALE, count=3),
            Event(at_seconds=60.0, deployment="chat-a", deed=Deed.CRASH, count=1),
            Event(at_seconds=100.0, deployment="chat-a", deed=Deed.DELETE),
        )
        async with platform(replace(ONE, events=events), clock()) as client:
            seen: list[tuple[str, int]] = []
            for _ in range(5):
                await client.clock.sleep(20.0 if seen else 15.0)
                view = await client.view("chat-a")
                seen.append((view["status"], view["replicas"]))
            assert seen == [
                ("initializing", 2),
                ("ready", 3),
                ("ready", 3),
                ("ready", 2),
                ("ready", 3),
            ]
            await client.clock.sleep(10.0)
            assert (await client.view("chat-a"))["status"] == "terminating"

    run_virtual(story())


def test_a_deployment_can_be_older_than_the_emulator_and_is_billed_from_its_start() -> None:
    async def story() -> None:
        plan = DeploymentPlan(name="chat-a", age_seconds=86400.0)
        async with platform(Scenario(deployments=(plan,)), clock()) as client:
            await client.clock.sleep(10.0)
            view = await client.view("chat-a")
            assert view["uptime_seconds"] == 86410
            assert view["created_at"] < view["updated_at"]
            truth = client.emulator.truth().deployment("chat-a")
            assert truth.billed_replica_seconds == pytest.approx(10.0)

    run_virtual(story())


def test_a_drained_replica_is_billed_to_its_own_end_however_late_one_looks() -> None:
    async def story() -> None:
        shapes = (Shape(kind=ShapeKind.CONSTANT, low=6.0),)
        plan = DeploymentPlan(name="chat-a", replicas=4, workload=Workload(shapes=shapes))
        async with platform(Scenario(deployments=(plan,)), clock()) as client:
            await client.clock.sleep(30.0)
            await client.scale("chat-a", 1)
            (unit,) = client.emulator.platform.living()
            assert unit.is_draining
            assert unit.billed > unit.current == 1
            await client.clock.sleep(60.0)
            truth = client.emulator.truth().deployment("chat-a")
            assert (truth.status, truth.current) == ("ready", 1)
            assert truth.billed_replica_seconds == pytest.approx(
                unit.fleet.billed_replica_seconds()
            )
            assert truth.ready_since is not None
            assert VIRTUAL_START + 30.0 < truth.ready_since < VIRTUAL_START + 60.0

    run_virtual(story())


def test_the_truth_is_readable_over_http() -> None:
    async def story() -> None:
        async with platform(ONE, clock()) as client:
            await client.clock.sleep(36.0)
            reply = await client.get(f"{client.emulator.platform.origin}/emulator/truth")
            assert decode(Truth, reply.body) == client.emulator.truth()

    run_virtual(story())

"""Faults as data: when they strike, whom, and how often."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaler.emulator.faults import (
    BadFault,
    Fault,
    FaultKind,
    FaultPlan,
    Operation,
    RetryAfter,
    applies_to,
    read_fault,
    write_fault,
)


def struck(plan: FaultPlan, at: float, operation: Operation, *names: str) -> list[str]:
    return [fault.id for fault in plan.strikes(at, operation, names=names)]


def test_a_window_includes_its_begin_and_not_its_end() -> None:
    plan = FaultPlan(origin=1000.0)
    plan.add(Fault(id="a", kind=FaultKind.HANG, start_seconds=10.0, end_seconds=20.0))
    instants = (1009.9, 1010.0, 1019.9, 1020.0)
    hits = [bool(struck(plan, at, Operation.GET)) for at in instants]
    assert hits == [False, True, True, False]


def test_a_window_can_return() -> None:
    fault = Fault(kind=FaultKind.RESET, start_seconds=5.0, end_seconds=7.0, every_seconds=10.0)
    instants = (0.0, 4.9, 5.0, 6.9, 7.0, 15.0, 18.0, 10_006.0)
    open_ = [fault.is_open(at) for at in instants]
    assert open_ == [False, False, True, True, False, True, False, True]


def test_a_fault_strikes_the_deployment_and_the_operations_it_names() -> None:
    plan = FaultPlan()
    plan.add(Fault(id="a", kind=FaultKind.STATUS, deployment="chat", operations=(Operation.GET,)))
    assert struck(plan, 0.0, Operation.GET, "chat", "id-1") == ["a"]
    assert struck(plan, 0.0, Operation.GET, "id-1") == []
    assert struck(plan, 0.0, Operation.GET) == []
    assert struck(plan, 0.0, Operation.SCALE, "chat") == []


def test_a_kind_strikes_only_calls_it_makes_sense_for() -> None:
    plan = FaultPlan()
    plan.add(Fault(id="mute", kind=FaultKind.NO_DONE))
    plan.add(Fault(id="deaf", kind=FaultKind.SCALE_IGNORED))
    plan.add(Fault(id="old", kind=FaultKind.EXPIRED_TOKEN))
    assert struck(plan, 0.0, Operation.CHAT) == ["mute"]
    assert struck(plan, 0.0, Operation.SCALE) == ["deaf", "old"]
    assert struck(plan, 0.0, Operation.LOGIN) == []


def test_probability_is_the_share_of_calls_and_the_seed_says_which() -> None:
    def hits(seed: int, *, crowded: bool = False) -> list[bool]:
        plan = FaultPlan()
        if crowded:
            plan.add(Fault(kind=FaultKind.SLOW, probability=0.5, seed=99))
        plan.add(Fault(id="a", kind=FaultKind.STATUS, probability=0.3, seed=seed))
        return ["a" in struck(plan, 0.0, Operation.LIST) for _ in range(1000)]

    assert sum(hits(1)) == pytest.approx(300, abs=60)
    assert hits(1) == hits(1) == hits(1, crowded=True)
    assert hits(1) != hits(2)


def test_faults_are_switched_at_run_time_by_id() -> None:
    plan = FaultPlan()
    names = [plan.add(Fault(kind=FaultKind.HANG)), plan.add(Fault(id="mine", kind=FaultKind.HTML))]
    assert names == ["fault-1", "mine"]
    assert [fault.id for fault in plan.all()] == names
    plan.add(Fault(id="mine", kind=FaultKind.SLOW))
    assert [fault.kind for fault in plan.all()] == [FaultKind.HANG, FaultKind.SLOW]
    assert plan.remove("fault-1")
    assert not plan.remove("fault-1")
    plan.clear()
    assert plan.all() == ()


@given(
    st.builds(
        Fault,
        id=st.text(max_size=5),
        kind=st.sampled_from(FaultKind),
        start_seconds=st.floats(0.0, 100.0),
        end_seconds=st.none() | st.floats(101.0, 200.0),
        probability=st.floats(0.0, 1.0),
        status=st.none() | st.integers(400, 599),
        retry_after=st.none() | st.sampled_from(RetryAfter),
        deployment=st.none() | st.text(max_size=5),
    )
)
@settings(max_examples=30)
def test_a_fault_survives_json(fault: Fault) -> None:
    assert read_fault(write_fault(fault)) == fault


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({"kind": "status", "probability": 2}, "probability must be in 0..1"),
        ({"kind": "status", "start_seconds": 9, "end_seconds": 9}, "end_seconds must be after"),
        ({"kind": "hang", "every_seconds": 10}, "every_seconds needs a window"),
        ({"kind": "hang", "end_seconds": 10, "every_seconds": 5}, "every_seconds needs a window"),
        ({"kind": "status", "status": 42}, "status must be in 100..599"),
        ({"kind": "slow", "seconds": -1}, "must not be negative"),
        ({"kind": "no_done", "operations": ["scale"]}, r"operations must be among \['chat'\]"),
        ({"kind": "unheard_of"}, "unheard_of"),
        ({"kind": "hang", "colour": "red"}, "no field colour"),
        ({}, "kind"),
        ([], "an object is wanted"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_a_sentence(
    data: object, complaint: str
) -> None:
    with pytest.raises(BadFault, match=complaint):
        read_fault(data)  # type: ignore[arg-type]


def test_every_kind_can_strike_something() -> None:
    assert all(applies_to(kind) for kind in FaultKind)

"""Square-root staffing: the head-room as it is written at three replicas, by the root elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core.staffing import REFERENCE, staffed

needs = st.floats(min_value=0.01, max_value=500.0)
headrooms = st.floats(min_value=0.3, max_value=1.0)


@given(headrooms)
def test_the_headroom_is_the_share_planned_for_at_the_reference(headroom: float) -> None:
    assert staffed(REFERENCE, headroom) == pytest.approx(REFERENCE / headroom)


@given(needs, needs, headrooms)
def test_more_need_is_staffed_with_more_and_with_a_smaller_share_of_room(
    one: float, other: float, headroom: float
) -> None:
    low, high = sorted((one, other))
    assert staffed(low, headroom) <= staffed(high, headroom) * (1.0 + 1e-12)
    assert staffed(low, headroom) / low >= staffed(high, headroom) / high * (1.0 - 1e-12)


@given(needs, headrooms, headrooms)
def test_a_smaller_share_planned_for_is_never_fewer_replicas(
    need: float, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    assert staffed(need, low) >= staffed(need, high) >= need * (1.0 - 1e-12)


@pytest.mark.parametrize(
    ("need", "count"), [(0.5, 0.689), (1.0, 1.378), (3.0, 3.75), (16.0, 18.41)]
)
def test_the_worked_example(need: float, count: float) -> None:
    assert staffed(need, 0.8) == pytest.approx(count, rel=1e-3)

"""Recorded observations through `step` again: the same decisions, bit by bit, or another policy's.

Under the recorded policy the decisions come out as they did. Under another one they are what it
would have decided in each recorded situation; the situations themselves stay those that were, for a
count that was never run shows no latencies.
"""

from collections.abc import Iterable, Iterator

from autoscaler.core.codec import decode, encode
from autoscaler.core.model import Decision, Json, Observation
from autoscaler.core.policy import Policy
from autoscaler.core.state import State
from autoscaler.core.step import step


def replay(observations: Iterable[Observation], policy: Policy, state: State) -> Iterator[Decision]:
    """Yield one decision per observation, oldest first, from `state` on."""
    for observation in observations:
        outcome = step(state, observation, policy)
        state = outcome.state
        yield outcome.decision


def read_observations(documents: Iterable[Json]) -> Iterator[Observation]:
    """Read observations as they were recorded. Raises Undecodable, naming the place."""
    for document in documents:
        yield decode(Observation, document)


def differences(
    recorded: Iterable[Json], replayed: Iterable[Decision]
) -> Iterator[tuple[Json, Decision]]:
    """Yield the pairs that are not the same to the bit; none for the policy that was in force."""
    for before, after in zip(recorded, replayed, strict=True):
        if before != encode(after):
            yield before, after

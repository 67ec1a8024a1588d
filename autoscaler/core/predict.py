"""What one replica less, the same and one more would bring: the counterfactuals of a decision."""

from autoscaler.core.line import Line
from autoscaler.core.model import Counterfactual, Estimate


def counterfactuals(
    estimate: Estimate, line: Line | None, *, target: int, price: float | None
) -> tuple[Counterfactual, ...]:
    """Predict `target` - 1, `target`, `target` + 1; a count below 1 is left out."""
    return tuple(
        _predicted(estimate, line, count, price)
        for count in (target - 1, target, target + 1)
        if count >= 1
    )


def _predicted(
    estimate: Estimate, line: Line | None, count: int, price: float | None
) -> Counterfactual:
    cost = None if price is None else price * count
    if line is None or estimate.load is None:
        return Counterfactual(
            replicas=count,
            itl_seconds=None,
            ttft_seconds=None,
            meets_slo=None,
            cost_per_hour=cost,
        )
    rho = estimate.load / count
    return Counterfactual(
        replicas=count,
        itl_seconds=line.itl(rho),
        ttft_seconds=line.ttft(rho),
        meets_slo=line.meets(rho),
        cost_per_hour=cost,
    )


def predicted_itl(estimate: Estimate, line: Line, count: int) -> float | None:
    """Upper end of the ITL at `count`, seconds; None where the load is unknown."""
    return None if estimate.load_high is None else line.itl(estimate.load_high / count)

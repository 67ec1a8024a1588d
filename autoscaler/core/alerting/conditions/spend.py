"""Conditions on money: budgets, forecasts, anomalies, old prices. An unknown price is no alert."""

from collections.abc import Sequence

from autoscaler.core.alerting.facts import SpendFacts
from autoscaler.core.alerting.findings import (
    DeploymentScope,
    Finding,
    FleetScope,
    grade,
    span,
    unknown,
)

FORECAST_CLEAR_RATIO = 0.95
STEPS = (0.5, 0.8)
"""Shares of the budget that are told on the way, as information."""


def forecast(scope: DeploymentScope | FleetScope) -> Sequence[Finding]:
    """The month is on its way past its budget."""
    spend, budget = _money(scope)
    if spend.cost is None or budget is None:
        return unknown()
    end = float(spend.cost.forecast_month_end)
    return (
        Finding(
            look=grade(bad=end > budget, good=end < FORECAST_CLEAR_RATIO * budget),
            data_at=scope.at,
            description=(
                f"At today's pace the month ends at {_amount(end, spend)}; the budget is"
                f" {_amount(budget, spend)}."
            ),
        ),
    )


def exceeded(scope: DeploymentScope | FleetScope) -> Sequence[Finding]:
    """The month's budget is spent."""
    spend, budget = _money(scope)
    if spend.cost is None or budget is None:
        return unknown()
    spent = float(spend.cost.month_to_date)
    return (
        Finding(
            look=grade(bad=spent > budget, good=True),
            data_at=scope.at,
            description=(
                f"{_amount(spent, spend)} are spent this month; the budget is"
                f" {_amount(budget, spend)}."
            ),
        ),
    )


def step_reached(scope: DeploymentScope | FleetScope) -> Sequence[Finding]:
    """Half of the month's budget is spent, or four fifths."""
    spend, budget = _money(scope)
    if spend.cost is None or budget is None:
        return [finding for step in STEPS for finding in unknown(f"{step:.0%}")]
    spent = float(spend.cost.month_to_date)
    return [
        Finding(
            look=grade(bad=spent > step * budget, good=True),
            data_at=scope.at,
            dimension=f"{step:.0%}",
            description=(
                f"{_amount(spent, spend)} of {_amount(budget, spend)} are spent this month."
            ),
        )
        for step in STEPS
    ]


def anomaly(scope: DeploymentScope | FleetScope) -> Sequence[Finding]:
    """A day costs much more than the days before it."""
    spend, rules = scope_spend(scope), scope.rules
    if spend.last_day is None or spend.daily_mean is None:
        return unknown()
    usual = rules.cost_anomaly_ratio * spend.daily_mean
    much = spend.last_day > usual and spend.last_day > rules.cost_anomaly_min
    return (
        Finding(
            look=grade(bad=much, good=True),
            data_at=scope.at,
            description=(
                f"The last day cost {_amount(spend.last_day, spend)}; the seven before it cost"
                f" {_amount(spend.daily_mean, spend)} each."
            ),
        ),
    )


def price_stale(scope: FleetScope) -> Sequence[Finding]:
    """The inventory's prices have not been read for a week."""
    read_at = scope.facts.price_refreshed_at
    if read_at is None:
        return unknown()
    age = scope.at - read_at
    return (
        Finding(
            look=grade(bad=age > scope.rules.price_stale_seconds, good=True),
            data_at=scope.at,
            description=f"Prices were last read {span(age)} ago; costs are counted with them.",
        ),
    )


def scope_spend(scope: DeploymentScope | FleetScope) -> SpendFacts:
    """Return the money of the scope's subject."""
    return scope.subject.spend if isinstance(scope, DeploymentScope) else scope.facts.spend


def _money(scope: DeploymentScope | FleetScope) -> tuple[SpendFacts, float | None]:
    """Return the money and the monthly budget: a deployment's own stands in its policy."""
    spend = scope_spend(scope)
    if spend.monthly_budget is None and isinstance(scope, DeploymentScope):
        return spend, scope.subject.policy.monthly_budget
    return spend, spend.monthly_budget


def _amount(value: float, spend: SpendFacts) -> str:
    currency = f" {spend.cost.currency}" if spend.cost is not None else ""
    return f"{value:,.2f}{currency}"

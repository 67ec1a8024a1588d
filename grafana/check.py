"""Runs every expression of the dashboards against a real Prometheus and says which have data.

`python -m grafana.check http://127.0.0.1:9090 [--window 1m] [--strict]`. Ends with 1 where one is
refused, and with `--strict` also where one is empty.
"""

import argparse
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

DASHBOARDS = Path(__file__).parent / "dashboards"
TIMEOUT_SECONDS = 30


class Verdict(StrEnum):
    """What came back."""

    DATA = "data"
    EMPTY = "empty"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One expression and what Prometheus made of it."""

    board: str
    panel: str
    expression: str
    verdict: Verdict
    detail: str


def expressions(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield panel and expression of everything that a dashboard asks."""
    for panel in document["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for annotation in document["annotations"]["list"]:
        yield f"annotation {annotation['name']}", annotation["expr"]


def filled(expression: str, *, deployment: str, window: str, step: str) -> str:
    """Return an expression with Grafana's variables replaced."""
    values = {"$deployment": deployment, "$win": window, "$__rate_interval": step}
    for name, value in values.items():
        expression = expression.replace(name, value)
    return expression


class Prometheus:
    """The query API of one server."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def _ask(self, path: str, **query: str) -> dict[str, Any]:
        request = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        if not request.startswith(("http://", "https://")):
            raise ValueError("the address of a Prometheus is wanted, such as http://127.0.0.1:9090")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as got:  # noqa: S310  # checked
                answer: dict[str, Any] = json.load(got)
        except urllib.error.HTTPError as fault:
            answer = json.load(fault)
        return answer

    def deployments(self) -> list[str]:
        """Return the names that the variable would offer."""
        names: list[str] = self._ask("label/deployment/values").get("data", [])
        return [name for name in names if not name.startswith("_")]

    def series(self, expression: str, *, seconds: float) -> tuple[int, str]:
        """Return how many series a range query brings, and why it was refused if it was."""
        now = time.time()
        answer = self._ask(
            "query_range",
            query=expression,
            start=str(now - seconds),
            end=str(now),
            step=str(max(1.0, seconds / 60)),
        )
        if answer.get("status") != "success":
            return 0, str(answer.get("error", "no answer"))
        found = answer["data"]["result"]
        return sum(any(value != "NaN" for _, value in each["values"]) for each in found), ""


def check(prometheus: Prometheus, *, window: str, seconds: float) -> Iterator[Answer]:
    """Ask everything that all dashboards ask."""
    names = prometheus.deployments()
    for path in sorted(DASHBOARDS.glob("*.json")):
        document = json.loads(path.read_text("utf-8"))
        variables = {each["name"]: each for each in document["templating"]["list"]}
        one = not variables.get("deployment", {}).get("multi", True)
        for panel, expression in expressions(document):
            chosen = names if one else [".*"]
            asked = [
                filled(expression, deployment=name, window=window, step=window) for name in chosen
            ]
            answers = [prometheus.series(each, seconds=seconds) for each in asked]
            count, fault = max((c for c, _ in answers), default=0), "".join(f for _, f in answers)
            yield Answer(
                board=path.stem,
                panel=panel,
                expression=expression,
                verdict=Verdict.REFUSED if fault else Verdict.DATA if count else Verdict.EMPTY,
                detail=fault or f"{count} series",
            )


def report(answers: list[Answer]) -> str:
    """Return a line for each expression and the totals."""
    lines = [f"{a.verdict:8}{a.board:12}{a.panel}: {a.expression} ({a.detail})" for a in answers]
    counts = {verdict: sum(a.verdict is verdict for a in answers) for verdict in Verdict}
    lines.append(
        f"{len(answers)} expressions: {counts[Verdict.DATA]} with data, "
        f"{counts[Verdict.EMPTY]} empty, {counts[Verdict.REFUSED]} refused"
    )
    return "\n".join(lines)


def main() -> int:
    """Ask, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="address of the Prometheus that scraped a run")
    parser.add_argument("--window", default="1m", help="stands for $win and $__rate_interval")
    parser.add_argument("--seconds", type=float, default=900, help="how far back to look")
    parser.add_argument("--strict", action="store_true", help="an empty one is a fault")
    options = parser.parse_args()
    answers = list(check(Prometheus(options.url), window=options.window, seconds=options.seconds))
    sys.stdout.write(report(answers) + "\n")
    faults = {Verdict.REFUSED, Verdict.EMPTY} if options.strict else {Verdict.REFUSED}
    return 1 if any(answer.verdict in faults for answer in answers) else 0


if __name__ == "__main__":
    sys.exit(main())

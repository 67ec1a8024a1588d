"""The records of one evaluation while it runs: findings are entered, and what is gone is closed.

It is the one mutable thing of the engine and never leaves `evaluate`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from autoscaler.core.alerting.catalogue import BY_NAME
from autoscaler.core.alerting.facts import DeploymentFacts, FleetFacts
from autoscaler.core.alerting.findings import Finding, Look
from autoscaler.core.alerting.lifecycle import (
    advance,
    after_clock_step,
    begin,
    end,
    fingerprint,
    is_open,
    miss,
)
from autoscaler.core.alerting.spec import AlertSpec
from autoscaler.core.alerting.state import Record
from autoscaler.core.snapshot import AlertState


@dataclass(slots=True, kw_only=True)
class Book:
    """Open for one evaluation."""

    facts: FleetFacts
    records: dict[str, Record]
    episodes: dict[str, tuple[int, float]]
    seen: set[str] = field(default_factory=set)
    """Fingerprints that a finding of this evaluation was about."""

    def apply(
        self,
        spec: AlertSpec,
        found: Sequence[Finding],
        *,
        subject: DeploymentFacts | None = None,
        seen: Mapping[str, str] | None = None,
    ) -> None:
        """Enter what one condition found, about one deployment or about the fleet.

        `seen` is the last failing probe, which each alert about a deployment shows.
        """
        for finding in found:
            is_bad = finding.look in {Look.BAD, Look.SUSPECT}
            shown = _with_evidence(finding, subject, seen or {}) if is_bad else finding
            self._enter(spec, shown, subject)

    def close_gone(self) -> None:
        """End what is about a deployment that does not exist any more, or exists anew."""
        ids = {
            subject.deployment.name: subject.deployment.id
            for subject in self.facts.deployments
            if not subject.gone
        }
        gone = {subject.deployment.id for subject in self.facts.deployments if subject.gone} - set(
            ids.values()
        )
        for key, record in list(self.records.items()):
            if not record.deployment_id or not is_open(record):
                continue
            known = ids.get(record.deployment)
            missing = self.facts.complete and known is None
            renewed = known is not None and known != record.deployment_id
            if record.deployment_id in gone or missing or renewed:
                self._put(key, end(record, at=self.facts.at, because="deployment_deleted"))

    def close_missing(self) -> None:
        """End what has lost its subject (a receiver, a credential) or its catalogue entry."""
        present = {subject.deployment.id for subject in self.facts.deployments}
        for key, record in list(self.records.items()):
            if key in self.seen or not is_open(record):
                continue
            spec = BY_NAME.get(record.name)
            if spec is None:
                self._put(key, end(record, at=self.facts.at, because="withdrawn"))
            elif not record.deployment_id or record.deployment_id in present:
                seconds = self.facts.decide_seconds
                self._put(key, miss(record, seconds=seconds, at=self.facts.at))

    def _enter(self, spec: AlertSpec, finding: Finding, subject: DeploymentFacts | None) -> None:
        name = subject.deployment.name if subject else ""
        key = fingerprint(spec.name, self.facts.project, name, finding.dimension)
        self.seen.add(key)
        record = self.records.get(key)
        identity = subject.deployment.id if subject else ""
        if record is not None:
            record = after_clock_step(record, self.facts.at)
        if record is not None and is_open(record):
            if record.deployment_id == identity:
                self._put(key, advance(record, spec, finding, at=self.facts.at))
            return
        if finding.look not in {Look.BAD, Look.SUSPECT}:
            return
        if record is not None and finding.data_at <= record.data_at:
            return
        blank = Record(
            name=spec.name,
            project=self.facts.project,
            deployment=name,
            deployment_id=identity,
            dimension=finding.dimension,
            fingerprint=key,
            episode=self.episodes.get(key, (0, 0.0))[0] + 1,
            severity=spec.severity,
            state=AlertState.PENDING,
            started_at=self.facts.at,
            data_at=finding.data_at,
        )
        self.episodes[key] = (blank.episode, self.facts.at)
        self.records[key] = begin(spec, finding, blank=blank, at=self.facts.at)

    def _put(self, key: str, record: Record | None) -> None:
        if record is None:
            del self.records[key]
        else:
            self.records[key] = record


def _with_evidence(
    finding: Finding, subject: DeploymentFacts | None, seen: Mapping[str, str]
) -> Finding:
    evidence = dict(seen)
    if subject is not None and subject.decision is not None:
        decision = subject.decision
        evidence["decision"] = f"{decision.verdict}, {decision.reason}: {decision.because}"
    return replace(finding, evidence={**evidence, **finding.evidence})

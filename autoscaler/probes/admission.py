"""Whether a request may leave at all: an allowed, pinned host, and a key that may go there."""

from yarl import URL

from autoscaler.core.model import Deployment
from autoscaler.core.words import FailureReason
from autoscaler.probes.config import ProbeConfig
from autoscaler.probes.hosts import HostGuard
from autoscaler.probes.keys import Credential, InferenceKeys, NoKey


class NotAdmitted(Exception):
    """No request may leave; the text says why and what to do."""

    def __init__(self, text: str, reason: FailureReason) -> None:
        super().__init__(text)
        self.reason = reason


class Admission:
    """Asked before every request."""

    def __init__(self, config: ProbeConfig) -> None:
        self.guard = HostGuard(config.allowed_hosts)
        self._keys = InferenceKeys(config.keys)

    def admit(self, deployment: Deployment, *, at: float) -> tuple[URL, Credential]:
        """Endpoint and key for one request. Raises NotAdmitted; a refused host or key is also kept
        among the guard's refusals, to be told to somebody.
        """
        url = self.guard.admit(deployment, at=at)
        if url is None:
            refusal = self.guard.refusal(deployment.id)
            if refusal is None:
                text = f"{deployment.name} has no endpoint yet"
                raise NotAdmitted(text, FailureReason.CONNECT)
            raise NotAdmitted(refusal.because, FailureReason.HTTP_AUTH)
        try:
            credential = self._keys.credential(deployment, url)
        except NoKey as error:
            self.guard.refuse(deployment, url, because=str(error), at=at)
            raise NotAdmitted(str(error), FailureReason.HTTP_AUTH) from error
        self.guard.forgive(deployment.id)
        return url, credential

"""The control plane: where it is, who we are there, how long we wait for it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from autoscaler.settings.secret import Secret, SecretUnreadable
from autoscaler.settings.section import Section
from autoscaler.settings.units import Count, SafeUrl, Seconds

MODELS_PATH: Final = "/aimodels"
"""Last part of the models API's base URL at the platform's gateway, where its sister APIs stand
beside it.
"""


def _no_separator(value: str) -> str:
    if any(character in value for character in "/?#% \t"):
        raise ValueError(
            "must be an identifier such as org-abc123, without slash, ?, #, % or space"
        )
    return value


Identifier = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_no_separator)]
"""An identifier that becomes one part of a URL's path."""


def token_refused_because(token: str) -> str:
    """Why `token` cannot be one of the control plane, as a sentence's end; empty if it may be."""
    if token.lower().startswith("bearer "):
        return "begins with 'Bearer ': give only what follows it"
    if token.startswith("sk-nc-"):
        return (
            "is an inference key (sk-nc-…), which the control plane refuses: put it into "
            "inference.key, and an access token or pat-nc-… here"
        )
    if any(character.isspace() for character in token):
        return "has white space in it: it was cut or joined when it was copied"
    return ""


class CloudSettings(Section):
    """How the control plane is reached."""

    base_url: SafeUrl = "https://api.ai.neevcloud.com/aimodels"
    """Base URL of the models API. The platform's public gateway."""
    tenant_url: SafeUrl | None = None
    """Base URL of the tenant API, where e-mail and password log in. By default `/tenant` beside
    `base_url`.
    """
    inventory_url: SafeUrl | None = None
    """Base URL of the inventory (prices, free GPUs). By default `/inventory` beside `base_url`."""
    org_id: Identifier | None = None
    """Organization, such as `org-abc123`; also `NEEV_ORG_ID`. Needed to run."""
    project_id: Identifier | None = None
    """Project, such as `prj-abc123`; also `NEEV_PROJECT_ID`. Needed to run."""
    token: Secret | None = None
    """Access token or personal access token (`pat-nc-…`); also `NEEV_API_TOKEN`. Either this, or
    e-mail and password.
    """
    email: str | None = None
    """E-mail address to log in with; the token is then fetched and kept fresh by itself."""
    password: Secret | None = None
    """Password that belongs to `email`."""
    token_lifetime_seconds: Seconds = 3600
    """Life of a token that tells no expiry of its own. Refreshed at 80 % of it."""
    deadline_seconds: Seconds = 10
    """Longest that one request may take, body included. Four polls fit into a minute with room."""
    read_deadline_seconds: Seconds = 30
    """Longest that one reading may take with its retries. Two polls."""
    ca_file: Path | None = None
    """Certificates (PEM) to trust besides the system's, for a proxy that inspects TLS."""
    page_size: Annotated[Count, Field(le=100)] = 100
    """Deployments per page of the list. The platform's maximum, for the fewest requests."""

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """One way to be known, complete; and a token of the right kind."""
        if self.token is not None and self.email is not None:
            yield "token", "and email are both set: a token or a login, keep one"
        if self.email is not None and self.password is None:
            yield "email", "needs a password: set cloud.password_file or NEEVSCALE_CLOUD__PASSWORD"
        if self.password is not None and self.email is None:
            yield "password", "needs the email that it belongs to"
        if self.email is not None and self.tenant_base_url is None:
            yield "tenant_url", f"is needed to log in where base_url does not end in {MODELS_PATH}"
        if self.read_deadline_seconds < self.deadline_seconds:
            yield "read_deadline_seconds", "must be at least deadline_seconds"
        if self.token is not None:
            yield from _check_token(self.token)

    def missing(self) -> tuple[str, ...]:
        """What is needed to reach the control plane and is not set, a sentence each."""
        wanted = (
            (self.org_id, "cloud.org_id is not set: export NEEV_ORG_ID=org-…"),
            (self.project_id, "cloud.project_id is not set: export NEEV_PROJECT_ID=prj-…"),
            (
                self.token or self.email,
                "no credential is set: export NEEV_API_TOKEN, or cloud.email and .password_file",
            ),
        )
        return tuple(sentence for value, sentence in wanted if value is None)

    @property
    def tenant_base_url(self) -> str | None:
        """Where to log in; None where neither told nor to be derived from `base_url`."""
        return self.tenant_url or self._sister("/tenant")

    @property
    def inventory_base_url(self) -> str | None:
        """Where the inventory is; None where neither told nor to be derived from `base_url`."""
        return self.inventory_url or self._sister("/inventory")

    def _sister(self, path: str) -> str | None:
        """The URL of another API of the same gateway, so that no credential goes elsewhere."""
        if not self.base_url.endswith(MODELS_PATH):
            return None
        return self.base_url.removesuffix(MODELS_PATH) + path


def _check_token(token: Secret) -> Iterator[tuple[str, str]]:
    try:
        because = token_refused_because(token())
    except SecretUnreadable:
        return  # told with all other unreadable files
    if because:
        yield "token", because

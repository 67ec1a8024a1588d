"""What a request may be refused with: one form for all, `{"error": {"code", "message"}}`."""

from collections.abc import Mapping


class Refused(Exception):
    """A request that is not served; the text says what, for which deployment, and what next."""

    def __init__(
        self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def not_found(deployment: str) -> Refused:
    """Refuse a name that no deployment has."""
    return Refused(
        404,
        "not_found",
        f"No deployment is called {deployment[:80]!r}. `neevscale status` lists them, as does "
        "GET /api/v1/deployments.",
    )


def starting() -> Refused:
    """Refuse what needs a picture of the fleet before there is one."""
    return Refused(
        503,
        "starting",
        "The daemon has not finished its first look at the fleet. Ask again in a few seconds.",
        headers={"Retry-After": "5"},
    )

"""Reload: validate, then swap whole, or keep what is and say why."""

from collections.abc import Callable

import structlog

from autoscaler.daemon.accounts import PriceBook
from autoscaler.daemon.config import Live, Parts
from autoscaler.daemon.evidence import Reloads
from autoscaler.ports import Denied

log = structlog.get_logger()


class Reloading:
    """Swaps the configuration that is in force."""

    def __init__(
        self,
        parts: Parts,
        live: Live,
        *,
        reloads: Reloads,
        book: PriceBook,
        schedule: Callable[[], None],
    ) -> None:
        """`schedule` registers the jobs anew, because their intervals may have changed."""
        self._schedule = schedule
        self._parts = parts
        self._live = live
        self._reloads = reloads
        self.book = book

    def reload(self) -> str:
        """Swap in the configuration as it is written now; return what changed. Raises Denied: the
        old one stays.
        """
        if self._parts.reload is None:
            raise Denied("This daemon was started without a configuration that can be read again.")
        now = self._parts.clock.now()
        try:
            config, changed = self._parts.reload()
        except ValueError as fault:
            self._reloads.failed_at = now
            self._reloads.error = str(fault)
            log.error("reload_refused", because=str(fault))  # noqa: TRY400  # a person's mistake
            raise Denied(str(fault)) from fault
        self._live.config = config
        self._live.since = now
        self._schedule()
        self._reloads.failed_at = None
        log.info("reloaded", changed=changed)
        return changed

"""What is counted and logged of the states that updates enter."""

from functools import lru_cache

import structlog

from gateway.core.clock import Clock
from gateway.core.news import News
from gateway.metrics import Metrics
from gateway.model.update import Update

log = structlog.get_logger()


class Tally:
    """Every state is counted; a device that ends alike over and over is in the log once a minute."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        # Looking a child up in the metric takes a lock and costs more than counting.
        self._transitions = lru_cache(maxsize=None)(metrics.transitions.labels)
        self._finished = lru_cache(maxsize=None)(metrics.finished.labels)
        self._duration = lru_cache(maxsize=None)(metrics.update_duration.labels)
        self._news = News(clock.now)

    def entered(self, update: Update) -> None:
        """Count the state that the update is in now, and say so when it is its end."""
        self._transitions(update.state).inc()
        if not update.state.is_terminal:
            return
        self._finished(update.state, update.reason).inc()
        self._duration(update.state).observe(update.entered_at - update.opened_at)
        self._say(update)

    def _say(self, update: Update) -> None:
        part = (update.device, update.module)
        suppressed = self._news.suppressed(part, f"{update.state} {update.reason}")
        if suppressed is not None:
            log.info(
                "update_finished",
                device=str(update.device),
                update=update.id,
                target=update.target,
                result=update.state.value,
                reason=update.reason.value,
                unverified=update.unverified,
                suppressed=suppressed,
            )

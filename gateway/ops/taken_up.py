"""What became of the configuration file the last time it was read: in force, or refused with all its mistakes."""

from gateway.core.clock import Clock
from gateway.metrics import Metrics
from gateway.ops.api.status import ConfigurationStatus
from gateway.ops.api.views import instant
from gateway.ops.outcome import Outcome


class TakenUp:
    """The newest outcome; a start counts as one."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._outcome = Outcome()
        self._at = self._good_at = clock.wall()
        self._show()

    def note(self, outcome: Outcome) -> None:
        """Remember how a reload ended."""
        self._at = self._clock.wall()
        if outcome.problems:
            # What waits for a restart is still what the last good file said.
            self._outcome = Outcome(problems=outcome.problems, needs_restart=self._outcome.needs_restart)
        else:
            self._outcome, self._good_at = outcome, self._at
        self._show()

    def view(self) -> ConfigurationStatus:
        """Say it, for the status."""
        return {
            "ok": not self._outcome.problems,
            "read_at": instant(self._at),
            "in_force_since": instant(self._good_at),
            "problems": list(self._outcome.problems),
            "needs_restart": list(self._outcome.needs_restart),
        }

    def _show(self) -> None:
        self._metrics.reload_ok.set(not self._outcome.problems)
        self._metrics.reload_at.set(self._good_at)

"""Someone who delivers to an adapter as the gateway does."""

from typing import Any

from gateway.errors import CloudError
from gateway.model.commands import Command
from gateway.model.states import State
from gateway.ports.cloud import CloudAdapter
from tests.contract.benches.bench import Bench
from tests.unit.adapters.events import event


class Teller:
    """Delivers as the gateway does: remembers what the cloud has acknowledged, the way to a state included."""

    def __init__(self, bench: Bench, adapter: CloudAdapter, url: str = "") -> None:
        self.bench = bench
        self.url = url
        self.adapter = adapter
        self.after: State | None = None

    async def tell(self, state: State, **rest: Any) -> list[Command]:
        """Deliver once."""
        try:
            commands = await self.adapter.deliver(self.bench.device, event(state, **rest), self.after)
        except CloudError as error:
            self.after = State(error.reached) if error.reached else self.after
            raise
        self.after = state
        return list(commands)

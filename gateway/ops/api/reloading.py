"""The configuration, read again because an operator says so."""

from gateway.core.desk import NotPossibleError
from gateway.errors import ConfigError
from gateway.ops.api.operation import acts
from gateway.ops.api.outlook import Outlook
from gateway.ops.api.parameters import Asked
from gateway.ops.api.shapes import ReloadView
from gateway.ops.problems import CONFIG_REFUSED


@acts("/api/v1/reload", CONFIG_REFUSED)
async def reload_configuration(outlook: Outlook, _: Asked) -> ReloadView:
    """Read the configuration again, and apply what differs.

    With a mistake nothing changes, and all of them are told. A cloud whose settings changed first ends the requests
    that it has in hand, which may take some seconds.
    """
    if outlook.reload is None:
        raise NotPossibleError("nobody reads the configuration again here; restart the gateway")
    outcome = await outlook.reload()
    if outcome.problems:
        raise ConfigError(list(outcome.problems))
    return {
        "applied": list(outcome.applied),
        "needs_restart": list(outcome.needs_restart),
        "disconnected": outcome.disconnected,
    }


OPERATIONS = (reload_configuration,)

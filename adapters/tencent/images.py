"""What an account tells of an image besides its URL: asked once for each version, where the account may ask."""

from collections import OrderedDict
from collections.abc import Mapping

from adapters.tencent.account import Account, error_of
from adapters.tencent.replies import Act, Failure, act_on
from adapters.tencent.tasks import Details, read_details
from gateway.ports.cloud import Site, Version

ACTION = "AppDescribeFirmware"
CACHED = 256
MAX_AGE = 3600.0  # seconds; a version may be deleted and uploaded anew
#: What asking later may change. Any other refusal means: not for this account, or not this image.
_PASSING = frozenset({Act.RETRY, Act.RETRY_DEVICE, Act.RENEW_TOKEN, Act.PARK_LANE})


class Images:
    """Remembers what was told, in memory only."""

    def __init__(self, account: Account, site: Site, modules: Mapping[str, str]) -> None:
        self._account = account
        self._site = site
        self._modules = modules
        self._known: OrderedDict[tuple[str, Version], tuple[float, Details]] = OrderedDict()

    async def details(self, product_id: str, version: Version) -> Details:
        """Return module and md5; the default module and no md5 where the account may not ask."""
        asked_at, details = self._known.get((product_id, version), (float("-inf"), Details()))
        if 0 <= self._site.now() - asked_at < MAX_AGE:
            self._known.move_to_end((product_id, version))
            return details
        details = await self._ask(product_id, version)
        self._known[product_id, version] = (self._site.now(), details)
        if len(self._known) > CACHED:
            self._known.popitem(last=False)
        return details

    async def _ask(self, product_id: str, version: Version) -> Details:
        # Sic: ProductID here, ProductId everywhere else.
        answer = await self._account.ask(ACTION, {"ProductID": product_id, "FirmwareVersion": version})
        if not isinstance(answer, Failure):
            return read_details(answer, self._modules)
        if act_on(answer.code) in _PASSING:
            raise error_of(answer)
        return Details()

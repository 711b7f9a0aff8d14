"""The shell around Tencent's words: which Action says or asks what."""

from collections.abc import AsyncIterator, Callable, Sequence
from random import getrandbits
from uuid import UUID

from adapters.tencent import wire
from adapters.tencent.account import Account, error_of
from adapters.tencent.credentials import Credentials, GivenToken, Login, read_token
from adapters.tencent.images import Images
from adapters.tencent.replies import Act, Failure, Fields, MisshapenError, act_on
from adapters.tencent.settings import TencentSettings
from adapters.tencent.tasks import Offer, Standing, read_offer, read_standing
from gateway.ports.cloud import (
    DEFAULT_MODULE,
    AdapterFactory,
    Answer,
    CloudView,
    Command,
    Device,
    Firmware,
    Order,
    Rejected,
    Scope,
    Site,
    State,
    StateReported,
    TaskAbsent,
    Unavailable,
    UpdateOrdered,
    Version,
)

REPORT = "AppReportOTAStatus"
OFFER = "AppGetDeviceOTAInfo"
STANDING = "AppDescribeFirmwareUpdateStatus"
CONFIRM = "AppPublishFirmwareUpdateMessage"


class Tencent:
    """Tells one Tencent account what its devices do, and asks it what it wants of them."""

    Settings = TencentSettings

    def __init__(
        self, settings: TencentSettings, site: Site, new_id: Callable[[], UUID] | None = None
    ) -> None:
        named = new_id or _request_id
        credentials = _credentials(settings, site, named)
        self._account = Account(str(settings.url), credentials, site, named)
        self._images = Images(self._account, site, settings.modules)
        self._site = site

    @staticmethod
    def problems(settings: TencentSettings) -> Sequence[str]:
        """Say what is wrong with the token; raises Denied when there is none."""
        if settings.access_token is None:
            return ()
        token = read_token(settings.access_token.reveal()).value
        # What is JSON still has no Token in it.
        if token and not token.startswith(("{", "[", '"')):
            return ()
        return ("access_token holds no AccessToken; it must be the bare token, or what AppGetToken returned",)

    @property
    def names_modules(self) -> bool:
        """No: AppReportOTAStatus has a version and no module."""
        return False

    async def deliver(self, device: Device, event: StateReported, after: State | None) -> Sequence[Command]:
        """Confirm the task if a user agreed, then report; a resend is harmless, for the cloud takes the same again.

        `device.external` may name `product_id` and `device_name` where they differ from the site's.
        """
        if after is not None and after.is_terminal:
            return ()
        report, must_confirm = wire.report(event), wire.needs_confirmation(after, event)
        if report is None and not must_confirm:
            return ()
        version = _version(event)
        is_open = not must_confirm or await self._settle_consent(device, event, version)
        if is_open and report is not None:
            is_open = await self._ask(REPORT, device, {"Version": version, **report}) is not None
        return () if is_open else [TaskAbsent(device=event.device, module=event.module, version=version)]

    def objection(self, version: Version) -> str | None:
        """Say whether the version is too long for a report."""
        return wire.objection(version)

    async def poll(self, device: Device) -> Sequence[Order]:
        """Return the device's open task, with what the account tells of its image."""
        answer = await self._ask(OFFER, device)
        offer = None if answer is None else _offer(answer)
        if offer is None:
            return ()
        standing = await self._standing(device)
        is_same = standing is not None and standing.target == offer.target
        state = standing.state if standing is not None and is_same else None
        if state is not None and state.is_terminal:
            return ()
        return [await self._order(device, offer, needs_confirmation=state is State.WAITING_CONFIRMATION)]

    async def observe(self, device: Device) -> Sequence[CloudView]:
        """Return where the cloud sees the device's latest task; it may be one that is long over."""
        standing = await self._standing(device)
        if standing is None:
            return ()
        if standing.target is None:
            return [standing.view(DEFAULT_MODULE)]
        details = await self._images.details(_product_id(device), standing.target)
        return [standing.view(details.module)]

    def fetch(self, firmware: Firmware, start: int) -> AsyncIterator[bytes]:
        """Read the image from the object store, whose URL is all that it takes."""
        return self._site.downloads.download(firmware.url, start, size=firmware.size, judge=_judge)

    async def _settle_consent(self, device: Device, event: StateReported, version: Version) -> bool:
        """Confirm, and say whether to go on; what has begun is reported whatever the cloud makes of the consent."""
        try:
            return await self._confirm(device, version) or not wire.is_waiting(event)
        except (Unavailable, Rejected) as error:
            if wire.is_waiting(event) or (isinstance(error, Unavailable) and error.scope is Scope.LANE):
                raise
            return True

    async def _confirm(self, device: Device, version: Version) -> bool:
        """Say that a user agreed, once; false when there is no task to which anybody did."""
        standing = await self._standing(device)
        if standing is not None and standing.target not in (None, version):
            # The request names no version: it would confirm what nobody agreed to.
            return False
        if standing is not None and standing.is_confirmed:
            return True
        return await self._ask(CONFIRM, device) is not None

    async def _order(self, device: Device, offer: Offer, *, needs_confirmation: bool) -> Order:
        details = await self._images.details(_product_id(device), offer.target)
        firmware = Firmware(version=offer.target, module=details.module, url=offer.url, md5=details.md5)
        return UpdateOrdered(
            device=device.id,
            module=details.module,
            version=offer.target,
            firmware=firmware,
            # The cloud has no other name for its task.
            handle=offer.target,
            needs_confirmation=needs_confirmation,
            source=offer.source,
        )

    async def _standing(self, device: Device) -> Standing | None:
        answer = await self._ask(STANDING, device)
        return None if answer is None else read_standing(answer)

    async def _ask(self, action: str, device: Device, parameters: Fields | None = None) -> Fields | None:
        """Ask about a device; None when it has no task."""
        name = device.external.get("device_name", device.id.name)
        about = {"ProductId": _product_id(device), "DeviceName": name}
        answer = await self._account.ask(action, {**about, **(parameters or {})})
        if not isinstance(answer, Failure):
            return answer
        if act_on(answer.code) is Act.NO_TASK:
            return None
        raise error_of(answer)


def _request_id() -> UUID:
    # It names a request in the vendor's log and guards nothing; the system's randomness costs a tenth of a delivery.
    return UUID(int=getrandbits(128), version=4)


def _credentials(settings: TencentSettings, site: Site, new_id: Callable[[], UUID]) -> Credentials:
    if settings.login is not None:
        return Login(settings.login, site, new_id)
    assert settings.access_token is not None  # noqa: S101 - the settings' own rule
    return GivenToken(settings.access_token, site)


def _version(event: StateReported) -> Version:
    version = event.version
    problem = "the report names no version" if version is None else wire.objection(version)
    if version is None or problem is not None:
        raise Rejected("version_unfit", str(problem))
    return version


def _product_id(device: Device) -> str:
    return device.external.get("product_id", device.id.product_id)


def _offer(answer: Fields) -> Offer | None:
    try:
        return read_offer(answer)
    except MisshapenError as error:
        raise Unavailable(str(error), code="misshapen") from error


def _judge(answer: Answer) -> None:
    kind = {name.lower(): value for name, value in answer.headers.items()}.get("content-type", "")
    # An object store names errors in XML, and a network that wants a login in HTML, both at times with 200.
    if answer.status in (200, 206) and any(word in kind for word in ("html", "xml", "json")):
        raise Unavailable(f"instead of the image came {kind[:40]}", code="misshapen")


factory: AdapterFactory = Tencent

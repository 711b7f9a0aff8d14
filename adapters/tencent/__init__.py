"""Tencent Cloud IoT Explorer, application side (`…/api/exploreropen`).

Implements, of the token API, AppReportOTAStatus (https://cloud.tencent.com/document/product/1081/86902),
AppGetDeviceOTAInfo (…/86901), AppDescribeFirmwareUpdateStatus (…/47128), AppPublishFirmwareUpdateMessage (…/47131)
and AppDescribeFirmware (…/100658); of the app API, the signed login AppGetToken (…/40786).
"""

from adapters.tencent.adapter import Tencent, factory
from adapters.tencent.settings import TencentSettings

__all__ = ["Tencent", "TencentSettings", "factory"]

"""Tencent Cloud IoT Explorer, application token API (`…/api/exploreropen/tokenapi`).

Implements AppReportOTAStatus (https://cloud.tencent.com/document/product/1081/86902) with the common parameters
and both reply envelopes of the application-side API.
"""

from adapters.tencent.adapter import Tencent, TencentSettings, factory

__all__ = ["Tencent", "TencentSettings", "factory"]

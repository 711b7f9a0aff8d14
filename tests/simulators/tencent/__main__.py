"""``python -m tests.simulators.tencent``: the simulated cloud as a process of its own."""

import argparse
import math

from tests.simulators.naming import numbered
from tests.simulators.serving import run
from tests.simulators.tencent.account import APP_KEY, APP_SECRET, EMAIL, PASSWORD, Account
from tests.simulators.tencent.cloud import TOKEN, TencentCloud
from tests.simulators.tencent.task import Device


def main() -> None:
    """Serve until SIGTERM."""
    options = _parser().parse_args()
    cloud = TencentCloud(record=options.record)
    cloud.tokens = {options.token: math.inf}
    cloud.account = Account(options.app_key, options.app_secret, {options.email: options.password})
    cloud.token_lifetime, cloud.url_lifetime = options.token_lifetime, options.url_lifetime
    cloud.envelope = options.envelope
    cloud.admits_any_device = options.any_device
    for name in numbered(options.prefix, options.devices):
        cloud.devices[f"{options.product}/{name}"] = Device(version=options.version)
    run(cloud, port=options.port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.tencent", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--token", default=TOKEN, help="the valid AccessToken")
    parser.add_argument("--app-key", default=APP_KEY, help="of the app that logs in")
    parser.add_argument("--app-secret", default=APP_SECRET)
    parser.add_argument("--email", default=EMAIL, help="of the user that logs in")
    parser.add_argument("--password", default=PASSWORD)
    parser.add_argument("--token-lifetime", type=float, default=40 * 86400.0, help="seconds, after a login")
    parser.add_argument("--url-lifetime", type=float, default=3600.0, help="seconds, of a FirmwareURL")
    parser.add_argument("--product", default="PR0DUCT01")
    parser.add_argument("--devices", type=int, default=0, help="how many devices the account has")
    parser.add_argument("--prefix", default="dev", help="devices are named PREFIX000001 and so on")
    parser.add_argument("--version", default="1.0", help="the version that they run")
    parser.add_argument("--any-device", action="store_true", help="admit devices as they come")
    parser.add_argument("--record", choices=("full", "summary"), default="full")
    parser.add_argument("--envelope", choices=("documented", "client"), default="documented")
    return parser


main()

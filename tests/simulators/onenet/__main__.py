"""``python -m tests.simulators.onenet``: the simulated cloud as a process of its own."""

import argparse

from tests.simulators.naming import numbered
from tests.simulators.onenet.cloud import KEY, RESOURCE, OneNetCloud
from tests.simulators.onenet.task import Device
from tests.simulators.serving import run


def main() -> None:
    """Serve until SIGTERM."""
    options = _parser().parse_args()
    cloud = OneNetCloud(record=options.record)
    cloud.keys = {options.resource: options.key}
    for dev_id in numbered(options.prefix, options.devices):
        cloud.devices[dev_id] = Device({2: options.version}, manuf=options.manuf, model=options.model)
    cloud.apis = options.api.split("+")
    cloud.edition, cloud.auto_add = options.edition, options.auto_add
    cloud.pushes.url, cloud.pushes.variant = options.push_url, options.push_variant
    cloud.pushes.token, cloud.pushes.uid = options.push_token, options.push_uid
    if options.name_prefix:
        cloud.names = dict(zip(numbered(options.name_prefix, options.devices), cloud.devices, strict=True))
    run(cloud, port=options.port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.onenet", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--api", choices=("south", "fuse", "south+fuse"), default="south+fuse")
    parser.add_argument("--edition", choices=("current", "old"), default="current", help="of the manual")
    parser.add_argument("--auto-add", default="", help="the target of tasks that a check adds by itself")
    parser.add_argument("--push-url", default="", help="where new tasks are announced")
    parser.add_argument("--push-variant", choices=("A", "B"), default="A")
    parser.add_argument("--push-token", default="push-token-001")
    parser.add_argument("--push-uid", type=int, default=42)
    parser.add_argument("--resource", default=RESOURCE)
    parser.add_argument("--key", default=KEY, help="the base64 key of the resource")
    parser.add_argument("--devices", type=int, default=0, help="how many devices the product has")
    parser.add_argument("--prefix", default="52", help="device ids are PREFIX000001 and so on")
    parser.add_argument("--name-prefix", default="", help="device names; without it they are the ids")
    parser.add_argument("--version", default="1.0", help="the version that they run")
    parser.add_argument("--manuf", default="100")
    parser.add_argument("--model", default="10001")
    parser.add_argument("--record", choices=("full", "summary"), default="full")
    return parser


main()

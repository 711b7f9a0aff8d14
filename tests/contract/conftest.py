"""A bench of each kind, served on a free port, with the session that the gateway would lend."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gateway.clouds.session import HttpSession
from gateway.config import CloudConfig
from gateway.core import trail
from gateway.firmware.fetch import HttpSource
from gateway.firmware.guard import Guard, read_networks
from gateway.metrics import Metrics
from gateway.ports.cloud import Site
from tests.contract.benches import BENCHES, SERVED, Bench, Teller
from tests.contract.stages import ADDRESS, DEV_ID, IMAGE, OneNetStage, TencentStage
from tests.simulators import serve
from tests.simulators.onenet import OneNetCloud
from tests.simulators.tencent import TencentCloud
from tests.unit.adapters.events import DEVICE, TARGET


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """What the gateway gives an adapter."""
    cloud = CloudConfig(adapter="any", requests_per_second=10_000)
    guard = Guard(networks=read_networks(["127.0.0.0/8"]), ports=None)
    async with (
        HttpSession("cloud/any", cloud, Metrics(CollectorRegistry())) as session,
        HttpSource(guard) as downloads,
    ):
        yield Site(
            session=session,
            now=time.time,
            credential_expires=lambda _name, _at: None,
            data_dir=tmp_path,
            heard=trail.heard,
            downloads=downloads,
        )


@asynccontextmanager
async def _telling(bench: Bench, site: Site) -> AsyncIterator[Teller]:
    if bench.cloud is None:
        yield Teller(bench, bench.make("", site))
        return
    async with serve(bench.cloud) as url:
        yield Teller(bench, bench.make(url, site), url)


@pytest.fixture(params=BENCHES, ids=lambda bench: bench.__name__)
async def teller(request: pytest.FixtureRequest, tmp_path: Path, site: Site) -> AsyncIterator[Teller]:
    """Someone who tells any adapter."""
    async with _telling(request.param(tmp_path), site) as teller:
        yield teller


@pytest.fixture(params=SERVED, ids=lambda bench: bench.__name__)
async def served(request: pytest.FixtureRequest, tmp_path: Path, site: Site) -> AsyncIterator[Teller]:
    """Someone who tells an adapter whose cloud is a server, and can therefore be in trouble."""
    async with _telling(request.param(tmp_path), site) as teller:
        yield teller


@pytest.fixture
async def account(site: Site) -> AsyncIterator[TencentStage]:
    """A stage at a time of the test's choice."""
    at = [1_893_456_000.0]
    cloud = TencentCloud(devices=[ADDRESS], clock=lambda: at[0])
    cloud.firmware[f"{DEVICE.product_id}/{TARGET}"] = IMAGE
    async with serve(cloud) as url:
        yield TencentStage(cloud=cloud, url=url, site=replace(site, now=lambda: at[0]), at=at)


@pytest.fixture
async def stage(site: Site) -> AsyncIterator[OneNetStage]:
    """A stage with a task whose token is known to the cloud already."""
    at = [1_893_456_000.0]
    cloud = OneNetCloud(devices=[DEV_ID], clock=lambda: at[0])
    cloud.issue_token(cloud.create_task(DEV_ID, TARGET))
    async with serve(cloud) as url:
        yield OneNetStage(site=replace(site, now=lambda: at[0]), cloud=cloud, url=url, at=at)

"""What is shipped for monitoring works together: the gateway, its token, Prometheus, the rules, the dashboard."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.site import Site, site
from tests.integration.monitoring.prometheus import SHIPPED, Prometheus, prometheus
from tests.simulators.ports import free_port

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="Prometheus is not installed (Debian: prometheus)"
)

TOKEN = "a token of the gateway"
CLOUDS = '[clouds.journal]\nadapter = "journal"\n'
PRODUCTS = '[products.P]\ndialect = "plain"\nauthentication = "anonymous"\nclouds = ["journal"]\n'
UP = 'up{job="ota-gateway"} == 1'


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Site]:
    """Run a gateway whose metrics need a token."""
    async with site(tmp_path, PRODUCTS, CLOUDS, extra=f'token = "{TOKEN}"') as made:
        await made.start()
        yield made


@pytest.fixture
async def watcher(box: Site, tmp_path: Path) -> AsyncIterator[Prometheus]:
    """Run a Prometheus that scrapes it."""
    target = f"127.0.0.1:{box.http_port}"
    async with prometheus(tmp_path / "watch", port=free_port(), target=target, token=TOKEN) as made:
        yield made


async def test_prometheus_sees_the_gateway(watcher: Prometheus) -> None:
    """It is up, says its build, and has a series for each lane before anything has happened."""
    await watcher.until(UP)
    assert await watcher.values("ota_gateway_build_info") == [1]
    assert await watcher.values('ota_gateway_cloud_up{lane="cloud/journal"}') == [1]
    assert await watcher.values('ota_gateway_outbox_messages{lane="cloud/journal"}') == [0]


async def test_every_rule_is_loaded_and_evaluated(watcher: Prometheus) -> None:
    """No rule has an error, and none fires for a gateway that is well."""
    await watcher.until(UP)
    groups = (await watcher.get("rules"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == (SHIPPED / "alerts.yml").read_text().count("- alert:")
    assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []


async def test_a_gateway_that_went_away_is_noticed(watcher: Prometheus, box: Site) -> None:
    """Its alert is pending once a scrape has failed."""
    await watcher.until(UP)
    await box.stop()
    await watcher.until('ALERTS{alertname="OtaGatewayDown", alertstate="pending"}')


async def test_every_question_of_the_dashboard_is_answered(watcher: Prometheus) -> None:
    """Prometheus understands each expression; what Grafana fills in is filled in."""
    await watcher.until(UP)
    dashboard = json.loads((SHIPPED.parent / "grafana" / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$__rate_interval", "1m").replace("$__range", "1h")
            await watcher.get("query", query=expression.replace("$site", ".*").replace("$instance", ".*"))

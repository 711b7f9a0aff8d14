"""The dashboard asks for metrics that exist, in a form that any Grafana takes."""

import json
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest

from tests.deploy.shipped import known_metrics, metrics_in, parsed, text

DASHBOARD = json.loads(text("grafana", "dashboard.json"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def expressions(panel: dict[str, Any]) -> Iterator[str]:
    """Every question that a panel asks, with what Grafana would fill in."""
    for target in panel.get("targets", []):
        yield target["expr"].replace("$__rate_interval", "1m").replace("$__range", "1h")


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    """Whether two panels cover each other."""
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_asks_for_metrics_that_exist(panel: dict[str, Any]) -> None:
    """A renamed metric would leave it empty, and empty looks like all is well."""
    asked = {name for expression in expressions(panel) for name in metrics_in(expression)}
    assert bool(asked) == (panel["type"] != "row")
    assert asked <= known_metrics()


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_asks_the_chosen_prometheus_about_the_chosen_gateways(panel: dict[str, Any]) -> None:
    """No panel is tied to somebody's data source, none forgets the choice at the top."""
    for target in panel.get("targets", []):
        assert target["datasource"] == panel["datasource"] == DATASOURCE
        assert target["expr"].count("{") == target["expr"].count('instance=~"$instance"')


def test_no_panel_covers_another() -> None:
    """Each has its place and its number."""
    places = [panel["gridPos"] for panel in PANELS]
    assert not any(overlap(one, other) for one, other in combinations(places, 2))
    assert max(place["x"] + place["w"] for place in places) <= 24
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


def test_what_is_chosen_at_the_top_is_defined() -> None:
    """The data source first, for the gateways are asked of it."""
    names = [variable["name"] for variable in DASHBOARD["templating"]["list"]]
    assert names == ["datasource", "instance"]


def test_the_provisioning_finds_prometheus_and_the_dashboard() -> None:
    """Grafana comes up with both."""
    [source] = parsed("grafana", "provisioning", "datasources", "prometheus.yaml")["datasources"]
    [provider] = parsed("grafana", "provisioning", "dashboards", "ota-gateway.yaml")["providers"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    mounts = parsed("compose.yaml")["services"]["grafana"]["volumes"]
    assert any(mount.split(":")[1].startswith(provider["options"]["path"]) for mount in mounts)

"""The files that an operator gives to Prometheus and Grafana, as tests read them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
ALERTS = ROOT / "etc/prometheus/alerts.yml"
SCRAPING = ROOT / "etc/prometheus/prometheus.yml"
DASHBOARD = ROOT / "etc/grafana/sutra-grid.json"

PAGE = ROOT / "docs/monitoring.md"

JOBS = ("sutra-grid-admin", "sutra-grid-master", "sutra-grid-agent")


def alert_rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def alert_expressions() -> list[str]:
    return [rule["expr"] for rule in alert_rules()]


def dashboard() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return read


def panel_expressions() -> list[str]:
    return [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", ())]


def annotation_expressions() -> dict[str, str]:
    """By the name of the annotation."""
    return {each["name"]: each["expr"] for each in dashboard()["annotations"]["list"]}


def variable_queries() -> dict[str, tuple[str, str]]:
    """By the name of the variable: the series it reads, and the label whose values it offers."""
    found = {}
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            series, label = variable["query"]["query"].removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
            found[variable["name"]] = (series, label)
    return found


def dashboard_expressions() -> list[str]:
    """Everything that the dashboard asks of Prometheus."""
    offered = [series for series, _ in variable_queries().values()]
    return [*panel_expressions(), *annotation_expressions().values(), *offered]


def documented_labels() -> dict[str, set[str]]:
    """The labels of each metric in docs/monitoring.md, which tests/e2e/test_metrics.py holds against a live grid."""
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^\| `(\w+)` \| \w+ \|([^|]*)\|", PAGE.read_text(), re.MULTILINE):
        found.setdefault(name, set()).update(re.findall(r"`(\w+)`", labels))
    return found

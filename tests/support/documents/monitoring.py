"""The files that an operator gives to Prometheus and Grafana, as tests read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
ALERTS = ROOT / "etc/prometheus/alerts.yml"
SCRAPING = ROOT / "etc/prometheus/prometheus.yml"
DASHBOARD = ROOT / "etc/grafana/sutra-grid.json"

JOBS = ("sutra-grid-admin", "sutra-grid-master", "sutra-grid-agent")


def alert_rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def alert_expressions() -> list[str]:
    return [rule["expr"] for rule in alert_rules()]


def dashboard_expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]

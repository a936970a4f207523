"""The alert rules, the example of a scrape and the dashboard, by themselves; tests/e2e/test_metrics.py holds
them against a live grid."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from support.documents.monitoring import ALERTS, DASHBOARD, JOBS, ROOT, SCRAPING, alert_rules, dashboard_expressions

FIRING = Path(__file__).with_name("alerts_that_fire.yml")
ALERT_NAMES = {rule["alert"] for rule in alert_rules()}


def promtool(*arguments: str) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("Debian's package prometheus is not installed (CI goes without: it is 96 MB)")
    checked = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_page_explains_every_alert() -> None:
    named = re.findall(r"^\| `(SutraGrid\w+)` \|", (ROOT / "docs/monitoring.md").read_text(), re.MULTILINE)
    assert set(named) == ALERT_NAMES


def test_every_alert_says_how_bad_it_is_and_what_it_is() -> None:
    for rule in alert_rules():
        assert rule["labels"]["severity"] in {"warning", "critical"}, rule
        assert rule["annotations"]["summary"], rule


def test_the_jobs_of_the_example_are_those_of_the_rules() -> None:
    jobs = yaml.safe_load(SCRAPING.read_text())["scrape_configs"]
    assert {job["job_name"] for job in jobs} == set(JOBS)


def test_no_two_panels_of_the_dashboard_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells


def test_prometheus_can_read_rules_and_example() -> None:
    promtool("check", "rules", str(ALERTS))
    promtool("check", "config", str(SCRAPING))


def test_prometheus_can_read_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(dashboard_expressions())]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", str(file))


def test_every_alert_fires_for_what_it_is_for_and_no_other_does(tmp_path: Path) -> None:
    cases = yaml.safe_load(FIRING.read_text())
    assert {case["name"] for case in cases["tests"]} == ALERT_NAMES
    file = tmp_path / "cases.yml"
    file.write_text(yaml.safe_dump(cases | {"rule_files": [str(ALERTS)]}))
    promtool("test", "rules", str(file))

"""The alert rules, the example of a scrape and the dashboard, by themselves; tests/e2e/test_metrics.py holds
them against a live grid."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.documents.monitoring import (
    ALERTS,
    DASHBOARD,
    JOBS,
    ROOT,
    SCRAPING,
    alert_rules,
    annotation_expressions,
    dashboard,
    dashboard_expressions,
    documented_labels,
    panel_expressions,
    variable_queries,
)
from support.documents.promql import grouped_by, selectors

FIRING = Path(__file__).with_name("alerts_that_fire.yml")
SILENT = Path(__file__).with_name("alerts_that_stay_silent.yml")
ANNOTATIONS = Path(__file__).with_name("annotations_that_show.yml")
OF_PROMETHEUS = {"job", "instance", "le"}
OF_GRAFANA = {"datasource"}
ALERT_NAMES = {rule["alert"] for rule in alert_rules()}


def promtool(*arguments: str) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("Debian's package prometheus is not installed")
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


def test_the_dashboard_names_only_metrics_and_labels_that_exist() -> None:
    metrics = documented_labels()
    for expression in dashboard_expressions():
        for selector in selectors(expression):
            name = re.sub(r"_(bucket|count|sum)$", "", selector.name)
            assert name == "up" or name in metrics, f"{selector.name} in {expression}"
            known = metrics.get(name, set()) | OF_PROMETHEUS
            assert selector.labels <= known, expression
        read = [metrics.get(re.sub(r"_(bucket|count|sum)$", "", each.name), set()) for each in selectors(expression)]
        assert grouped_by(expression) <= OF_PROMETHEUS.union(*read), expression


def test_legends_and_texts_of_annotations_name_labels_that_exist() -> None:
    labels = set().union(*documented_labels().values()) | OF_PROMETHEUS
    legends = [target["legendFormat"] for panel in dashboard()["panels"] for target in panel.get("targets", ())]
    annotations = dashboard()["annotations"]["list"]
    texts = [each[key] for each in annotations for key in ("titleFormat", "textFormat")]
    named = {name for text in legends + texts for name in re.findall(r"{{(\w+)}}", text)}
    named |= {name for each in annotations for name in each["tagKeys"].split(",")}
    assert named <= labels


def test_the_dashboard_is_narrowed_to_instances_agents_and_nodes() -> None:
    variables = variable_queries()
    assert set(variables) == {"instance", "agent", "node"}
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            assert variable["multi"], variable["name"]
            assert variable["includeAll"], variable["name"]
    metrics = documented_labels()
    label_of = {name: label for name, (_, label) in variables.items()}
    for expression in [*panel_expressions(), *annotation_expressions().values()]:
        for selector in selectors(expression):
            if selector.name.startswith("process_") and "instance" not in selector.labels:
                continue  # of all daemons
            fitting = set(label_of.values()) & metrics.get(selector.name, set()) or {"instance"}
            assert fitting <= selector.labels, expression


def test_every_variable_of_the_dashboard_is_used_and_no_other_is_named() -> None:
    text = json.dumps([dashboard()["panels"], dashboard()["annotations"], list(variable_queries().values())])
    named = set(re.findall(r"\$\{?(\w+)", text))
    assert named == set(variable_queries()) | OF_GRAFANA


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
    check_rules(cases, tmp_path)


def test_no_alert_fires_for_what_is_none(tmp_path: Path) -> None:
    check_rules(yaml.safe_load(SILENT.read_text()), tmp_path)


def check_rules(cases: dict[str, Any], tmp_path: Path) -> None:
    """Run cases against the alerts."""
    file = tmp_path / "cases.yml"
    file.write_text(yaml.safe_dump(cases | {"rule_files": [str(ALERTS)]}))
    promtool("test", "rules", str(file))


def test_annotations_mark_what_happened_and_nothing_else(tmp_path: Path) -> None:
    cases = yaml.safe_load(ANNOTATIONS.read_text())
    asked = annotation_expressions()
    assert {case["name"] for case in cases["tests"]} == set(asked)
    for case in cases["tests"]:
        for each in case["promql_expr_test"]:
            each["expr"] = re.sub(r"\$\w+", ".*", asked[case["name"]])
    file = tmp_path / "cases.yml"
    file.write_text(yaml.safe_dump(cases | {"rule_files": []}))
    promtool("test", "rules", str(file))

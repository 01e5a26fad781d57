"""The alerts of deploy/prometheus ask for measurements that exist, and each has its runbook."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase

from server.app import metrics, webhook_steps
from server.domain.errors import Code
from server.federation.steps import State

ROOT = Path(__file__).parents[3]
RULES = yaml.safe_load((ROOT / "deploy/prometheus/tap.rules.yml").read_text("utf-8"))
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]
}
RUNBOOKS = (ROOT / "docs/operations/federation.md").read_text("utf-8")


def collected() -> dict[str, MetricWrapperBase]:
    """Every name a collector finds."""
    found: dict[str, MetricWrapperBase] = {}
    for metric in vars(metrics).values():
        match metric:
            case Counter():
                found[metric._name + "_total"] = metric
            case Histogram():
                found |= {metric._name + part: metric for part in ("_bucket", "_sum", "_count")}
            case MetricWrapperBase():
                found[metric._name] = metric
    return found


def test_no_alert_is_named_twice() -> None:
    assert len(ALERTS) == sum(len(group["rules"]) for group in RULES["groups"])


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_asks_for_what_is_measured(name: str) -> None:
    known, rule = collected(), ALERTS[name]
    asked = re.findall(r"\btap_\w+", rule["expr"])
    assert asked
    assert [metric for metric in asked if metric not in known] == []
    labels = {label for metric in asked for label in known[metric]._labelnames} | {"le"}
    for label in re.findall(r"[{,]\s*(\w+)=", rule["expr"]):
        assert label in labels
    for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
        assert label in labels


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_in_a_sentence(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert rule["annotations"]["summary"].endswith(".")


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_its_runbook(name: str) -> None:
    assert f"\n| `{name}` |" in RUNBOOKS


def test_runbooks_are_of_alerts_that_ring() -> None:
    assert set(re.findall(r"^\| `(Tap\w+)` \|", RUNBOOKS, re.MULTILINE)) == ALERTS.keys()


def test_values_of_labels_exist() -> None:
    states = re.findall(r'peer_state\{state="(\w+)"', str(RULES))
    assert states
    assert set(states) <= set(State)
    of_webhooks = re.findall(r'tap_webhooks\{state="(\w+)"', str(RULES))
    assert of_webhooks
    assert set(of_webhooks) <= set(webhook_steps.State)
    codes = [
        code for codes in re.findall(r'code=~"([^"]+)"', str(RULES)) for code in codes.split("|")
    ]
    assert codes
    assert set(codes) <= set(Code)

"""The alerts of deploy/prometheus ask for measurements that exist, and each has its runbook."""

import operator
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client import Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from server.app import metrics, webhook_steps
from server.domain.errors import Code
from server.federation.steps import State
from tests.support.processes import running_nodes, until

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


# -- when all is well ------------------------------------------------------------------------------------

HOLDS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
COMPARED = re.compile(r'(?:(abs)\()?(\w+)(?:\{(\w+)="(\w+)"\})?\)? (==|<|>) ([\d. *]+)')
OVER_TIME = ("rate(", "increase(")


def rings(expr: str, samples: Iterable[Sample]) -> bool:
    """Whether thresholds hold now: as PromQL, but that "and" does not look at labels."""
    return any(
        all(_holds(clause, samples) for clause in part.split(" and "))
        for part in expr.split(" or ")
    )


def _holds(clause: str, samples: Iterable[Sample]) -> bool:
    found = COMPARED.fullmatch(clause.strip())
    assert found, f"this is no comparison: {clause}"
    absolute, name, label, value, sign, text = found.groups()
    least = 1.0
    for factor in text.split("*"):
        least *= float(factor)
    return any(
        HOLDS[sign](abs(one.value) if absolute else one.value, least)
        for one in samples
        if one.name == name and (label is None or one.labels[label] == value)
    )


@pytest.mark.e2e
async def test_two_healthy_regions_behind_proxies_ring_no_alert(tmp_path: Path) -> None:
    """Neither does TLS itself, as docs/operations/install.md has it; from the first scrape on."""
    asked = {name: rule["expr"] for name, rule in ALERTS.items()}
    now = {name: expr for name, expr in asked.items() if not any(f in expr for f in OVER_TIME)}
    at_once = {alert for alert in now if "for" not in ALERTS[alert]}
    async with running_nodes(tmp_path, "de", "in") as nodes:

        def ringing() -> set[str]:
            samples = measured(nodes["de"].place.url)
            return {alert for alert, expr in now.items() if rings(expr, samples)}

        assert ringing() & at_once == set()
        await until("no other alert holds any more", lambda: not ringing())
        assert ringing() & at_once == set()


def measured(url: str) -> list[Sample]:
    text = httpx.get(f"{url}/metrics", trust_env=False).text
    return [one for family in text_string_to_metric_families(text) for one in family.samples]

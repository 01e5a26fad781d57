"""What operators read and what the program does are the same: every key, metric and verb is documented."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase

from server.app import metrics
from server.ops import config_file
from server.ops.cli import VERBS
from server.ops.commands.shared import Exit

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs" / "operations"


def page(name: str) -> str:
    return (PAGES / name).read_text("utf-8")


def measurements() -> Iterator[tuple[str, str, str]]:
    """(attribute, name as collected, help sentence) of every measurement."""
    for attribute, metric in vars(metrics).items():
        if isinstance(metric, MetricWrapperBase):
            suffix = "_total" if isinstance(metric, Counter) else ""
            yield attribute, metric._name + suffix, metric._documentation


def test_every_configuration_key_is_documented_with_its_own_words() -> None:
    text = page("configuration.md")
    for key in config_file.all_keys():
        assert f"| `{key.name}` |" in text, f"{key.name} is missing in configuration.md"
        assert key.description in text, f"configuration.md says something else about {key.name}"


def test_every_metric_is_documented_with_its_own_words() -> None:
    text = page("metrics.md")
    for _, name, meaning in measurements():
        assert f"| `{name}` |" in text, f"{name} is missing in metrics.md"
        assert f"| {meaning} |" in text, f"metrics.md says something else about {name}"


def test_metrics_have_a_prefix_base_units_and_no_personal_label() -> None:
    for metric in (m for m in vars(metrics).values() if isinstance(m, MetricWrapperBase)):
        assert metric._name.startswith("tap_")
        assert not metric._name.endswith(("_ms", "_minutes", "_kb", "_mb"))
        assert not {"person", "user", "channel", "post", "community"} & set(metric._labelnames)


def test_every_verb_and_exit_code_is_documented() -> None:
    text = page("cli.md")
    for verb in VERBS:
        assert f"## tap {verb}\n" in text, f"tap {verb} is missing in cli.md"
    for code in Exit:
        assert f"| {code.value} | " in text, f"exit code {code.name} is missing in cli.md"


def test_every_metric_is_set_somewhere() -> None:
    """A measurement nobody takes reads as "all is well"."""
    here = ROOT / "server" / "app" / "metrics.py"
    sources = [path for path in (ROOT / "server").rglob("*.py") if path != here]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    unset = [name for name, _, _ in measurements() if not re.search(rf"metrics\.{name}\b", text)]
    assert unset == []


# -- pages point at what is there -------------------------------------------------------------------------

TEXTS = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "deploy").rglob("*.md"),
]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(text: Path) -> None:
    links = [link for link in LINK.findall(text.read_text("utf-8")) if "://" not in link]
    assert [link for link in links if not (text.parent / link).exists()] == []


def test_every_invariant_names_tests_that_exist() -> None:
    text = (ROOT / "docs/ARCHITECTURE.md").read_text("utf-8")
    rows = re.findall(r"^\| (I\d+) \|[^|]*\| ([^|]*) \|$", text, re.MULTILINE)
    assert [name for name, _ in rows] == [f"I{number}" for number in range(1, 15)]
    for name, where in rows:
        paths = re.findall(r"`([^`]+)`", where)
        assert paths, f"{name} is held by no test"
        assert [path for path in paths if not (ROOT / path).exists()] == [], name


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs/adr/README.md").read_text("utf-8")
    pages = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
    assert pages
    assert [page.name for page in pages if f"({page.name})" not in index] == []

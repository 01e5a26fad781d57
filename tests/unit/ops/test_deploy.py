"""What deploy/ hands to other programs: read as they read it."""

import configparser
import re
from pathlib import Path

from server.domain import limits
from server.ops.commands.shared import Exit

DEPLOY = Path(__file__).parents[3] / "deploy"


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd minds the case
    parser.read(DEPLOY / "systemd" / "tap.service", "utf-8")
    return parser


def test_systemd_tries_again_for_as_long_as_something_is_in_the_way() -> None:
    """Without it, five starts within 10 s are the last (systemd.unit(5)): a disk that was full for a minute at
    night, or a folder another verb held, would leave the region down until somebody comes."""
    assert unit()["Unit"]["StartLimitIntervalSec"] == "0"
    assert unit()["Service"]["Restart"] == "always"
    assert unit()["Service"]["RestartPreventExitStatus"] == str(Exit.USAGE.value)


def test_systemd_does_not_end_a_start_that_makes_tables_anew() -> None:
    """A unit of Type=notify has 90 s to be ready (systemd.service(5)), then is killed and begins again."""
    assert unit()["Service"]["Type"] == "notify"
    assert unit()["Service"]["TimeoutStartSec"] == "infinity"


def test_the_commands_of_compose_set_what_it_demands_first() -> None:
    """Compose fills in the whole file for each of its commands, "build" included."""
    text = (DEPLOY / "compose" / "compose.yaml").read_text("utf-8")
    demanded = set(re.findall(r"\$\{(\w+):\?", text))
    assert demanded
    commands = re.findall(r"^# {3}(\S.*)$", text, re.MULTILINE)
    first = next(n for n, line in enumerate(commands) if "docker compose" in line)
    exported = set(re.findall(r"^export (\w+)=", "\n".join(commands[:first]), re.MULTILINE))
    assert demanded <= exported


def test_proxies_let_the_largest_body_through() -> None:
    """The example, and what the install page asks of any other."""
    most = limits.MEDIA_BYTES_MAX // 1024**2
    assert most * 1024**2 == max(limits.MEDIA_BYTES_MAX, limits.IMPORT_BODY_BYTES_MAX)
    assert f"client_max_body_size {most}m;" in (DEPLOY / "nginx" / "tap.conf").read_text("utf-8")
    page = (DEPLOY.parent / "docs" / "operations" / "install.md").read_text("utf-8")
    assert f"bodies of {most} MiB" in page

"""Nodes that do TLS themselves: regions prove their keys and talk inside it."""

from pathlib import Path

import pytest

from tests.support.certificates import certify
from tests.support.processes import places, running, tips, until

pytestmark = pytest.mark.e2e


async def test_two_regions_talk_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, private = certify(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))  # whom a node trusts, as on any machine
    monkeypatch.setenv("TAP_HTTP__TLS_CERTIFICATE", str(chain))
    monkeypatch.setenv("TAP_HTTP__TLS_KEY", str(private))
    made = places(tmp_path, "de", "in")
    for place in made.values():
        text = place.config.read_text()
        place.config.write_text(text.replace("http://", "https://"))
    async with running(made.values()):
        assert "ready on https://127.0.0.1" in made["de"].log.read_text()
        await until(
            "each region holds the other's first events",
            lambda: all({region for region, _ in tips(p)} == {"de", "in"} for p in made.values()),
        )

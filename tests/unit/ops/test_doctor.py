"""The doctor's checks: each planted fault is found, and says what to do."""

import base64
import errno
import os
from pathlib import Path

import pytest

from server.domain.scoring_policy import CAUTIOUS, DEFAULT
from server.ops import doctor, doctor_checks, doctor_facts, keys, lock
from server.ops.config import Config, HttpSection, NodeSection
from server.ops.doctor import Database, Disk, Facts, Key, OpenErasures, Peer, Port, Scoring

KEY = base64.b64encode(bytes(32)).decode()
GIB = 1 << 30

HEALTHY = Facts(
    region="de",
    clock_year=2026,
    disk=Disk("/data", 50 * GIB, 100 * GIB, 0.4),
    key=Key("/data/node.key", KEY),
    port=Port("127.0.0.1", 8420, "ours"),
    database=Database(True, "de", 4294967296, 1000, 1 << 20, "wal"),
    peers=(Peer("fr", "https://fr", KEY, "", "fr", KEY, "0.1.0", 20.0, 0.0),),
    public_url="https://tap.example.com",
    listens_beyond_loopback=True,
    web_client=True,
    demo=False,
    open_files=65536,
    memory_bytes=8 * GIB,
    holder="42 serve",
    scoring=Scoring(DEFAULT, DEFAULT, (), "2026-1+a"),
)
PEER = HEALTHY.peers[0]
DATABASE = HEALTHY.database
FAULTS = {
    "disk.writable": {"disk": Disk("/data", 0, 0, 0, "Read-only file system")},
    "disk.space": {"disk": HEALTHY.disk._replace(free_bytes=GIB // 2)},
    "disk.sync": {"disk": HEALTHY.disk._replace(fsync_ms=0.001)},
    "clock.year": {"clock_year": 1970},
    "limits.open_files": {"open_files": 1024},
    "limits.memory": {"memory_bytes": 1 << 20},
    "key.file": {"key": Key("/data/node.key", "", "The key may be read by others.")},
    "http.port": {"port": Port("127.0.0.1", 8420, "taken", "it is Tap in region fr")},
    "node.answers": {"port": Port("127.0.0.1", 8420, "free")},
    "http.public_url": {"public_url": "http://tap.example.com"},
    "demo.reach": {"demo": True},
    "web.client": {"web_client": False},
    "database.opens": {"database": Database(True, error="file is not a database")},
    "database.region": {"database": DATABASE._replace(region="fr")},
    "database.integrity": {"database": DATABASE._replace(integrity="row 5 missing")},
    "database.wal": {"database": DATABASE._replace(wal_bytes=GIB)},
    "database.restored": {"database": DATABASE._replace(recovering=True)},
    "database.forks": {"database": DATABASE._replace(forks=("de:100000007:global",))},
    "erasure.receipts": {"erasures": OpenErasures(2, 2 * 86_400, ("br",))},
    "scoring.policy": {"scoring": Scoring(DEFAULT, DEFAULT, ("boards need an agreement",), "r")},
    "scoring.rules": {"scoring": Scoring(DEFAULT, DEFAULT, (), "r", (("fr", "s"),))},
    "peer.reachable": {"peers": (PEER._replace(error="timed out"),)},
    "peer.region": {"peers": (PEER._replace(seen_region="es"),)},
    "peer.key": {"peers": (PEER._replace(seen_key="another"),)},
    "clock.peer": {"peers": (PEER._replace(clock_ahead_seconds=-90.0),)},
}
MORE: list[tuple[str, dict[str, object], str]] = [
    ("scoring.policy", {"scoring": Scoring(DEFAULT, CAUTIOUS, (), "r")}, "warning"),
    ("disk.space", {"disk": HEALTHY.disk._replace(free_bytes=5 * GIB)}, "warning"),
    ("erasure.receipts", {"erasures": OpenErasures(1, 22 * 86_400, ("br",))}, "failure"),
    ("disk.sync", {"disk": HEALTHY.disk._replace(fsync_ms=200.0)}, "warning"),
    ("http.port", {"port": Port("10.0.0.1", 1, "unusable", "no address")}, "failure"),
    ("peer.key", {"peers": (PEER._replace(seen_key=""),)}, "failure"),
]


def test_a_healthy_node_has_no_findings() -> None:
    findings = doctor_checks.examine(HEALTHY)
    assert doctor.worst(findings) == "ok"
    assert all(not finding.remedy for finding in findings)


def test_a_peer_may_show_the_key_it_went_over_to() -> None:
    announced = DATABASE._replace(announced=frozenset({(PEER.region, "another")}))
    changed = {"peers": (PEER._replace(seen_key="another"),), "database": announced}
    findings = doctor_checks.examine(HEALTHY._replace(**changed))
    assert doctor.worst(findings) == "ok"


@pytest.mark.parametrize("check", FAULTS)
def test_a_planted_fault_is_found_alone_and_says_what_to_do(check: str) -> None:
    findings = doctor_checks.examine(HEALTHY._replace(**FAULTS[check]))
    wrong = [finding for finding in findings if finding.level != "ok"]
    assert [finding.check for finding in wrong] == [check]
    assert wrong[0].message
    assert wrong[0].remedy.endswith(".")


@pytest.mark.parametrize(("check", "fault", "level"), MORE)
def test_levels(check: str, fault: dict[str, object], level: str) -> None:
    findings = doctor_checks.examine(HEALTHY._replace(**fault))  # type: ignore[arg-type]
    assert [(f.check, f.level) for f in findings if f.level != "ok"] == [(check, level)]
    assert doctor.worst(findings) == level


def test_a_lone_region_that_never_started_is_fine() -> None:
    new = HEALTHY._replace(peers=(), database=Database(False), holder="")
    assert doctor.worst(doctor_checks.examine(new)) == "ok"


def test_every_check_is_planted_here_and_documented() -> None:
    page = (Path(__file__).parents[3] / "docs/operations/doctor.md").read_text("utf-8")
    seen = {finding.check for finding in doctor_checks.examine(HEALTHY)} | FAULTS.keys()
    assert seen == FAULTS.keys()
    assert [check for check in seen if f"`{check}`" not in page] == []


# -- the collector: faults planted on this machine -------------------------------------------------------------


def config(folder: Path, port: int = 0) -> Config:
    return Config(
        node=NodeSection(
            region="de", name="Germany", data_dir=str(folder), key_file=str(folder / "node.key")
        ),
        http=HttpSection(port=port),
    )


async def test_collects_from_an_empty_folder(tmp_path: Path) -> None:
    keys.generate(tmp_path / "node.key")
    facts = await doctor_facts.collect(config(tmp_path))
    assert facts.disk.error == ""
    assert facts.disk.fsync_ms > 0
    assert facts.key.public
    assert facts.port.state == "free"
    assert not facts.database.exists
    assert facts.memory_bytes > 0
    assert os.listdir(tmp_path) == ["node.key"]


async def test_finds_an_open_key_a_damaged_database_and_the_holder(tmp_path: Path) -> None:
    keys.generate(tmp_path / "node.key").public_key()
    (tmp_path / "node.key").chmod(0o644)
    (tmp_path / "tap.db").write_bytes(b"no database, but long enough to be looked at" * 100)
    with lock.hold(tmp_path, "serve"):
        facts = await doctor_facts.collect(config(tmp_path))
    assert "chmod 600" in facts.key.error
    assert "not a database" in facts.database.error
    assert facts.holder.endswith("serve")


def test_a_full_disk_is_said_to_be_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is free can be read while nothing can be written."""

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    disk = doctor_facts.try_disk(tmp_path)
    assert (disk.error, disk.total_bytes > 0) == ("No space left on device", True)
    nothing = disk._replace(free_bytes=0)
    # SQLite cannot make the file its readers share, and says no more than this.
    unread = Database(True, error="disk I/O error")
    findings = doctor_checks.examine(HEALTHY._replace(disk=nothing, database=unread))
    wrong = {finding.check: finding for finding in findings if finding.level == "failure"}
    assert wrong.keys() == {"disk.writable", "disk.space", "database.opens"}
    assert "Free space" in wrong["disk.space"].remedy
    assert "disk.space" in wrong["database.opens"].remedy


def test_a_folder_that_cannot_be_made_is_judged_by_its_parent(tmp_path: Path) -> None:
    assert doctor_facts.try_disk(tmp_path / "a" / "b").folder == str(tmp_path)

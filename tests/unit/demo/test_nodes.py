"""The demo's places: configurations a node accepts, keys drawn once, ports that are free."""

from __future__ import annotations

import socket
from pathlib import Path

from server.ops import config_file
from server.ops.config import dials
from server.ops.demo.nodes import HOST, Place, configure, free_ports, is_free, next_free_ports
from tests.support.ports import held_row


def places(folder: Path) -> list[Place]:
    return [
        Place("in", "India", "IN", folder / "in", 8001),
        Place("de", "Germany", "DE", folder / "de", 8002),
    ]


def test_each_place_names_the_others_with_their_keys(tmp_path: Path) -> None:
    configure(places(tmp_path), demo=True)
    india, germany = [config_file.load(place.config, {}).config for place in places(tmp_path)]
    assert (india.node.region, india.http.port, india.demo.enabled) == ("in", 8001, True)
    assert india.peers[0].url == germany.public_url
    assert dials("in", india.peers[0]) != dials("de", germany.peers[0])
    assert Path(india.node.data_dir) == tmp_path / "in" / "data"


def test_keys_are_drawn_once_and_kept(tmp_path: Path) -> None:
    configure(places(tmp_path))
    first = [place.key_file.read_bytes() for place in places(tmp_path)]
    configure(places(tmp_path))
    assert [place.key_file.read_bytes() for place in places(tmp_path)] == first
    assert first[0] != first[1]


def test_ports() -> None:
    first, second = free_ports(2)
    assert first != second
    port = held_row(3)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((HOST, port))
        taken.listen()
        assert not is_free(port)
        assert next_free_ports(port, 2) > port

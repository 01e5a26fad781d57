"""Files over HTTP: who may send and see them, how they are shown, and when they are gone."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.app import peer_proof, pictures
from server.app.media import Unavailable
from server.domain import limits
from server.domain.durations import DAY_MS
from server.domain.errors import Code, Refusal
from server.domain.events import Attachment, PostPublished
from server.domain.ids import derived_object_id
from server.storage.media_files import MediaFiles
from server.storage.queries import media
from tests.support.files import Nowhere, media_of
from tests.support.node import START, ForeignLog
from tests.support.pictures import jpeg, picture, pieces
from tests.unit.api.site import Site, open_site, with_command

PDF = b"%PDF-1.7 numbers"


async def sent(site: Site, person: str, data: bytes) -> dict[str, Any]:
    response = await site.ask("POST", "/media", person, content=data)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def shown(
    site: Site, data: bytes, name: str = "leaf.jpg", **more: Any
) -> tuple[str, str, str]:
    """(hash, post, place) of a file Asha published in a community of hers."""
    place = more.pop("place", "") or await site.node.community("asha", "Tea")
    file = await sent(site, "asha", data)
    attachments = [{"hash": file["hash"], "name": name, "alt": "A leaf"}]
    return file["hash"], await site.node.post("asha", place, attachments=attachments, **more), place


def cleaned(data: bytes, folder: Path) -> bytes:
    """A picture as it is kept."""
    source, target = folder / "picture", io.BytesIO()
    source.write_bytes(data)
    pictures.clean(source, target)
    return target.getvalue()


async def status(site: Site, person: str, hash: str, more: str = "") -> tuple[int, str]:
    response = await site.ask("GET", f"/media/{hash}{more}", person)
    code = response.json()["error"]["code"] if response.status_code >= 400 else ""
    return response.status_code, code


async def test_a_picture_becomes_part_of_a_post(site: Site) -> None:
    hash_, post, _ = await shown(site, jpeg((64, 48)))
    read = await site.ask("GET", f"/media/{hash_}", "bob")
    assert read.headers["content-type"] == "image/jpeg"
    assert hashlib.sha256(read.content).hexdigest() == hash_
    small = await site.ask("GET", f"/media/{hash_}/thumbnail", "bob")
    assert small.headers["content-type"] == "image/webp"
    assert small.content.startswith(b"RIFF")
    view = (await site.get(f"/threads/{post}", "bob"))["posts"][post]
    assert view["attachments"] == [
        {
            "hash": hash_,
            "type": "image/jpeg",
            "size": len(read.content),
            "name": "leaf.jpg",
            "width": 64,
            "height": 48,
            "alt": "A leaf",
            "stays": False,
        }
    ]


async def test_clients_get_no_thumbnails_with_their_events(site: Site) -> None:
    first = await site.get("/sync", "asha")
    await shown(site, jpeg())
    page = await site.get("/sync", "asha", since=first["cursor"])
    (event,) = [event for event in page["events"] if event["type"] == "post.published"]
    assert "thumbnail" not in event["body"]["attachments"][0]


async def test_who_may_not_read_the_post_learns_nothing(site: Site) -> None:
    vault = await site.node.community("asha", "Vault", visibility="private")
    hash_, _, _ = await shown(site, jpeg(), place=vault)
    assert await status(site, "asha", hash_) == (200, "")
    for more in ("", "/thumbnail"):
        assert await status(site, "bob", hash_, more) == (404, "not_found")
        assert await status(site, "bob", "0" * 64, more) == (404, "not_found")
    assert (await site.refused("GET", f"/media/{hash_}"))[0] == 401


async def test_the_same_bytes_in_an_open_place_are_open(site: Site) -> None:
    vault = await site.node.community("asha", "Vault", visibility="private")
    hash_, _, _ = await shown(site, jpeg(), place=vault)
    await shown(site, jpeg(), "other.jpg")
    response = await site.ask("GET", f"/media/{hash_}", "bob")
    assert "other.jpg" in response.headers["content-disposition"]


async def test_before_it_is_published_only_its_owner_sees_it(site: Site) -> None:
    file = await sent(site, "asha", jpeg())
    assert await status(site, "asha", file["hash"]) == (200, "")
    assert await status(site, "bob", file["hash"]) == (404, "not_found")


async def test_nobody_attaches_what_another_uploaded(site: Site) -> None:
    file = await sent(site, "asha", jpeg())
    place = await site.node.community("bob", "Bob's")
    attach = [{"hash": file["hash"], "name": "mine.jpg"}]
    outcome = await site.node.try_do(
        "bob", "post.publish", place=place, kind="update", text="see", attachments=attach
    )
    assert isinstance(outcome, Refusal)
    assert (outcome.code, outcome.field) == (Code.NOT_FOUND, "attachments[0]")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"hash": "../../etc/passwd"}, "command.attachments[0].hash"),
        ({"hash": "A" * 64}, "command.attachments[0].hash"),
        ({"name": " "}, "command.attachments[0].name"),
        ({"alt": "x" * 1_001}, "command.attachments[0].alt"),
        ({"more": 1}, "command.attachments[0]"),
    ],
)
async def test_a_malformed_attachment_is_refused_by_name(
    site: Site, change: dict[str, Any], field: str
) -> None:
    attach = {"hash": "0" * 64, "name": "leaf.jpg"} | change
    wish = with_command("post.publish", place="c:" + "0" * 26, kind="update", attachments=[attach])
    response = await site.ask("POST", "/commands", "asha", json=wish)
    assert response.status_code == 422
    assert response.json()["error"]["field"] == field


async def test_the_same_file_twice_in_one_post_is_refused(site: Site) -> None:
    file = await sent(site, "asha", jpeg())
    place = await site.node.community("asha", "Tea")
    attach = [{"hash": file["hash"], "name": name} for name in ("a", "b")]
    outcome = await site.node.try_do(
        "asha", "post.publish", place=place, kind="update", attachments=attach
    )
    assert isinstance(outcome, Refusal)
    assert outcome.code is Code.BAD_VALUE


async def test_a_file_alone_is_a_post_and_may_hang_on_a_reply(site: Site) -> None:
    _, post, _ = await shown(site, jpeg(), text="")
    file = await sent(site, "bob", picture("PNG"))
    reply = await site.node.reply(
        "bob", post, attachments=[{"hash": file["hash"], "name": "b.png"}]
    )
    thread = await site.get(f"/threads/{post}", "asha")
    assert thread["posts"][reply]["attachments"][0]["name"] == "b.png"
    assert await status(site, "cleo", file["hash"]) == (200, "")


# -- how it is shown -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "kind", "how"),
    [
        (jpeg(), "image/jpeg", "inline"),
        (PDF, "application/pdf", "attachment"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", "text/plain", "attachment"),
        (b"<!doctype html><script>x()</script>", "text/plain", "attachment"),
    ],
)
async def test_no_file_can_do_anything_in_our_pages(
    site: Site, data: bytes, kind: str, how: str
) -> None:
    hash_, _, _ = await shown(site, data, 'a"; filename=b.html')
    headers = (await site.ask("GET", f"/media/{hash_}", "bob")).headers
    assert headers["content-type"].startswith(kind)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    named = "filename*=UTF-8''a%22%3B%20filename%3Db.html"
    assert headers["content-disposition"] == f"{how}; {named}"


async def test_a_browser_asks_each_time_and_gets_nothing_twice(site: Site) -> None:
    hash_, _, _ = await shown(site, jpeg())
    for path in (f"/media/{hash_}", f"/media/{hash_}/thumbnail"):
        first = await site.ask("GET", path, "bob")
        assert first.headers["cache-control"] == "private, no-cache"
        tag = {"If-None-Match": f"W/{first.headers['etag']}"}
        again = await site.http.get(
            "/api/v1" + path, headers=tag | {"Authorization": f"Bearer {await site.token('bob')}"}
        )
        assert (again.status_code, again.content) == (304, b"")


async def test_a_part_of_a_film_is_a_part(site: Site) -> None:
    data = PDF + bytes(range(256)) * 40
    hash_, _, _ = await shown(site, data)
    bearer = {"Authorization": f"Bearer {await site.token('bob')}"}
    part = await site.http.get(f"/api/v1/media/{hash_}", headers=bearer | {"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, data[5:10])
    beyond = await site.http.get(
        f"/api/v1/media/{hash_}", headers=bearer | {"Range": "bytes=99999-"}
    )
    assert (beyond.status_code, beyond.json()["error"]["code"]) == (416, "bad_value")
    assert beyond.headers["content-range"] == f"bytes */{len(data)}"


@pytest.mark.parametrize("given", ["lines=1-2", "bytes", "bytes=", "bytes=x-y", "bytes=9-5"])
async def test_what_is_no_range_is_not_looked_at(site: Site, given: str) -> None:
    hash_, _, _ = await shown(site, PDF)
    whole = await site.ask("GET", f"/media/{hash_}", "bob", headers={"Range": given})
    assert (whole.status_code, whole.content) == (200, PDF)


# -- what is refused -----------------------------------------------------------------------------------


async def test_what_is_not_taken_is_refused_in_words(site: Site) -> None:
    refused = await site.refused("POST", "/media", "asha", content=b"MZ\x90\x00\x03")
    assert refused == (422, "bad_value")
    assert await site.refused("POST", "/media", "asha", content=b"") == (422, "bad_value")
    assert await site.refused("POST", "/media", content=PDF) == (401, "unauthenticated")
    assert not list(
        (Path(site.node.url.removeprefix("sqlite:///")).parent / "media/incoming").iterdir()
    )


async def test_too_much_is_refused_whether_it_is_announced_or_not(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MEDIA_BYTES_MAX", 10_000)
    big = PDF + b"x" * 10_000
    assert await site.refused("POST", "/media", "asha", content=big) == (413, "too_large")
    assert await site.refused("POST", "/media", "asha", content=pieces(big)) == (413, "too_large")


async def test_nobody_fills_the_disk_with_drafts(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UPLOADS_PER_PERSON_MAX", 2)
    await sent(site, "asha", PDF)
    await sent(site, "asha", PDF + b"2")
    assert await site.refused("POST", "/media", "asha", content=PDF) == (429, "rate_limited")
    site.node.clock.advance(limits.UPLOAD_KEPT_SECONDS * 1000 + 1)
    await sent(site, "asha", PDF + b"3")


async def test_an_upload_that_stops_half_way_leaves_nothing(site: Site) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield PDF
        raise OSError(28, "No space left on device")

    with pytest.raises(Exception, match="full"):
        await site.services.media.receive("asha", broken())
    async with site.node.reader.snapshot() as snapshot:
        assert await media.total(snapshot) == (0, 0)


def test_what_a_full_disk_did_not_take_is_not_left_there(tmp_path: Path) -> None:
    files = MediaFiles(tmp_path)
    files.open()
    draft = files.draft()
    with Path("/dev/full").open("r+b", 0) as full:
        os.dup2(full.fileno(), draft.file.fileno())
    draft.write(PDF)
    with pytest.raises(OSError, match="No space left"):
        draft.__exit__(None, None, None)
    assert not list((tmp_path / "incoming").iterdir())


# -- when it is gone -----------------------------------------------------------------------------------


async def test_a_draft_is_kept_for_a_day(site: Site) -> None:
    file, files = await sent(site, "asha", PDF), site.services.media
    site.node.clock.advance(limits.UPLOAD_KEPT_SECONDS * 1000 - 10)
    assert await files.tidy() == 0
    site.node.clock.advance(20)
    assert await files.tidy() == 1
    assert await status(site, "asha", file["hash"]) == (404, "not_found")


async def test_a_published_file_stays_for_ever(site: Site) -> None:
    hash_, _, _ = await shown(site, PDF)
    site.node.clock.advance(3_600_000_000)
    assert await site.services.media.tidy() == 0
    assert await status(site, "bob", hash_) == (200, "")


async def test_with_its_last_post_a_file_is_gone_at_once(site: Site) -> None:
    hash_, first, place = await shown(site, PDF)
    _, second, _ = await shown(site, PDF, place=place)
    path = (await site.services.media.find("bob", hash_)).path  # type: ignore[union-attr]
    await site.node.do("asha", "post.delete", post=first)
    assert await site.services.media.tidy() == 0
    assert await status(site, "bob", hash_) == (200, "")
    await site.node.do("asha", "post.delete", post=second)
    assert await status(site, "bob", hash_) == (404, "not_found")
    assert await site.services.media.tidy() == 1
    assert path is not None
    assert not path.exists()


async def test_a_hidden_post_shows_no_file(site: Site) -> None:
    hash_, post, _ = await shown(site, PDF)
    hide = {"target": post, "act": "hide", "on": True, "reason": "rude"}
    await site.node.do("asha", "moderation.act", **hide)
    assert await status(site, "bob", hash_) == (404, "not_found")
    await site.node.do("asha", "moderation.act", **hide | {"on": False})
    assert await status(site, "bob", hash_) == (200, "")


async def test_what_a_crash_left_without_a_row_is_cleared(site: Site) -> None:
    hash_, _, _ = await shown(site, PDF)
    folder = Path(site.node.url.removeprefix("sqlite:///")).parent / "media"
    stray = folder / "ab" / ("c" * 62)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"x")
    written = site.node.clock() / 1000
    os.utime(stray, (written, written))
    days = limits.STRAY_KEPT_DAYS * DAY_MS
    for moment, cleared in ((days - 1, 0), (1, 1)):
        site.node.clock.advance(moment)
        assert await site.services.media.strays.clear() == cleared
    assert not stray.exists()
    assert await status(site, "bob", hash_) == (200, "")


# -- from and for other regions ------------------------------------------------------------------------


class Abroad:
    """The other regions' files as a test has them; counts who is asked."""

    def __init__(self, **held: bytes | None) -> None:
        self.held, self.asked = held, list[str]()

    async def stream(self, region: str, hash: str) -> AsyncIterator[bytes]:
        self.asked.append(region)
        data = self.held.get(region)
        if data is None:
            raise Unavailable("it is away")
        async for piece in pieces(data):
            yield piece


KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()


async def foreign(
    site: Site, data: bytes, region: str = "de", number: int = 0, place: str = "", **more: Any
) -> str:
    """A post of dora's from a region with one file; its hash."""
    hash_ = hashlib.sha256(data).hexdigest()
    place = place or await site.node.community("asha", "Tea")
    told = {"type": "image/png", "name": "d.png"} | more
    file = Attachment(hash=hash_, size=len(data), **told)
    post = PostPublished(
        post=f"{number:026}", kind="update", place=place, at=1, text="hi", attachments=(file,)
    )
    log = ForeignLog(region)
    await site.node.handler.apply(log.batch(site.node.clock.now, ("dora", post)))
    return hash_


async def test_a_file_of_another_region_is_fetched_once(tmp_path: Path, database: Path) -> None:
    data = picture("PNG")
    abroad = Abroad(de=data)
    async with open_site(tmp_path, database, abroad) as site:
        hash_ = await foreign(site, data, thumbnail=b"small")
        assert (await site.ask("GET", f"/media/{hash_}/thumbnail", "bob")).content == b"small"
        assert abroad.asked == []
        await site.token("bob")
        answers = await asyncio.gather(
            *[site.ask("GET", f"/media/{hash_}", "bob") for _ in range(8)]
        )
        assert [answer.content for answer in answers] == [data] * 8
        assert abroad.asked == ["de"]


async def test_whoever_fetches_it_gets_what_it_is_not_what_it_is_called(
    tmp_path: Path, database: Path
) -> None:
    async with open_site(tmp_path, database, Abroad(de=PDF)) as site:
        hash_ = await foreign(site, PDF, type="text/html")
        for _ in range(2):
            read = await site.ask("GET", f"/media/{hash_}", "bob")
            assert read.headers["content-type"] == "application/pdf"


async def test_what_was_hidden_while_it_came_is_not_shown(tmp_path: Path, database: Path) -> None:
    class Slow(Abroad):
        async def stream(self, region: str, hash: str) -> AsyncIterator[bytes]:
            hide = {"target": "0" * 26, "act": "hide", "on": True, "reason": "rude"}
            await site.node.do("asha", "moderation.act", **hide)
            async for piece in super().stream(region, hash):
                yield piece

    async with open_site(tmp_path, database, Slow(de=PDF)) as site:
        hash_ = await foreign(site, PDF)
        assert await status(site, "bob", hash_) == (404, "not_found")


async def test_until_it_comes_readers_are_told_and_nobody_is_pestered(
    tmp_path: Path, database: Path
) -> None:
    data = picture("PNG")
    abroad = Abroad()
    async with open_site(tmp_path, database, abroad) as site:
        hash_ = await foreign(site, data)
        assert await status(site, "bob", hash_) == (404, "not_here")
        assert await status(site, "bob", hash_) == (404, "not_here")
        assert abroad.asked == ["de"]
        site.node.clock.advance(limits.MEDIA_RETRY_SECONDS * 1000 + 1)
        abroad.held["de"] = data
        assert await status(site, "bob", hash_) == (200, "")


async def test_what_was_fetched_and_is_uploaded_here_is_a_picture_with_its_size(
    tmp_path: Path, database: Path
) -> None:
    data = await asyncio.to_thread(cleaned, picture("PNG"), tmp_path)
    async with open_site(tmp_path, database, Abroad(de=data)) as site:
        hash_ = await foreign(site, data)
        assert await status(site, "asha", hash_) == (200, "")
        again, post, _ = await shown(site, data, "again.png")
        assert again == hash_
        (view,) = (await site.get(f"/posts/{post}", "bob"))["posts"][post]["attachments"]
        assert (view["width"], view["height"]) == (40, 30)
        (record,) = await site.node.tap.read(site.node.tap.position - 1, 1)
        assert isinstance(record.event, PostPublished)
        assert record.event.attachments[0].thumbnail


async def test_bytes_that_the_disk_lost_are_fetched_anew(tmp_path: Path, database: Path) -> None:
    data = picture("PNG")
    abroad = Abroad(de=data)
    async with open_site(tmp_path, database, abroad) as site:
        hash_ = await foreign(site, data)
        assert await status(site, "bob", hash_) == (200, "")
        site.services.media.files.delete(hash_)
        assert (await site.ask("GET", f"/media/{hash_}", "bob")).content == data
        assert abroad.asked == ["de", "de"]


async def test_where_nobody_has_them_everybody_is_told(known: Site) -> None:
    hash_, _, _ = await shown(known, jpeg())
    known.services.media.files.delete(hash_)
    assert await status(known, "bob", hash_) == (404, "not_here")
    assert (await asked_by(known, hash_)).json()["error"]["code"] == "not_here"
    assert await status(known, "bob", hash_, "/thumbnail") == (200, "")


async def test_wrong_bytes_are_thrown_away_and_another_region_is_asked(
    tmp_path: Path, database: Path
) -> None:
    data = picture("PNG")
    abroad = Abroad(de=b"forged", fr=data)
    async with open_site(tmp_path, database) as site:
        media = media_of(site.node, tmp_path / "other", abroad, ("de", "fr"))
        hash_ = await foreign(site, data)
        found = await media.open("bob", hash_)
        assert not isinstance(found, Refusal)
        assert found.path is not None
        assert found.path.read_bytes() == data
        assert abroad.asked == ["de", "fr"]
        media.close()


async def test_a_file_that_stays_at_home_is_not_asked_for(tmp_path: Path, database: Path) -> None:
    data = picture("PNG")
    abroad = Abroad(de=data)
    async with open_site(tmp_path, database, abroad) as site:
        hash_ = await foreign(site, data, stays=True)
        assert await status(site, "bob", hash_) == (403, "not_exported")
        assert await status(site, "bob", hash_, "/thumbnail") == (403, "not_exported")
        assert abroad.asked == []


async def test_in_however_many_places_it_is_each_reader_finds_theirs(
    tmp_path: Path, database: Path
) -> None:
    """What greets everybody in a conversation of their own."""
    data = picture("PNG")
    async with open_site(tmp_path, database, Abroad(de=data)) as site:
        hash_ = await foreign(site, data)
        file = Attachment(hash=hash_, type="image/png", size=len(data), name="d.png")
        posts = [
            PostPublished(
                post=derived_object_id(at, "post"),
                kind="message",
                place=f"d:{derived_object_id(at, 'place')}",
                at=at,
                attachments=(file,),
            )
            for at in range(START, START + 1_001)
        ]
        log = ForeignLog("fr")
        await site.node.handler.apply(log.batch(START, *[("dora", post) for post in posts]))
        assert await status(site, "bob", hash_) == (200, "")


@pytest.mark.parametrize("together", [True, False])
async def test_what_stays_in_one_region_is_had_from_another_that_published_it_too(
    tmp_path: Path, database: Path, together: bool
) -> None:
    data = picture("PNG")
    abroad = Abroad(fr=data)
    async with open_site(tmp_path, database, abroad, ("de", "fr")) as site:
        place = await site.node.community("asha", "Tea")
        hash_ = await foreign(site, data, "fr", 1, place)
        await foreign(site, data, "de", 2, place if together else "", stays=True)
        assert await status(site, "bob", hash_) == (200, "")
        assert "fr" in abroad.asked


async def test_a_region_that_lets_nothing_leave_sends_no_thumbnail_either(
    tmp_path: Path, database: Path
) -> None:
    async with open_site(tmp_path, database) as site:
        media = media_of(site.node, tmp_path / "media", Nowhere(), ("de",), leaves=False)
        kept = await media.receive("asha", pieces(jpeg()))
        place = await site.node.community("asha", "Tea")
        attach = [{"hash": kept.hash, "name": "leaf.jpg"}]
        await site.node.post("asha", place, attachments=attach)
        (record,) = await site.node.tap.read(site.node.tap.position - 1, 1)
        assert isinstance(record.event, PostPublished)
        assert (record.event.attachments[0].stays, record.event.attachments[0].thumbnail) == (
            True,
            b"",
        )
        assert await status(site, "bob", kept.hash, "/thumbnail") == (200, "")
        outcome = await media.for_region("de", kept.hash)
        assert isinstance(outcome, Refusal)
        assert outcome.code is Code.NOT_EXPORTED
        media.close()


async def test_from_then_on_holds_for_what_had_been_uploaded_before_too(known: Site) -> None:
    hash_, _, place = await shown(known, PDF)
    assert (await asked_by(known, hash_)).status_code == 200
    folder = Path(known.node.url.removeprefix("sqlite:///")).parent / "media"
    media = media_of(known.node, folder, Nowhere(), ("de",), leaves=False)
    assert (await media.receive("bob", pieces(PDF))).hash == hash_
    attach = [{"hash": hash_, "name": "numbers.pdf"}]
    await known.node.do("bob", "membership.set", community=place[2:], joined=True)
    post = await known.node.post("bob", place, attachments=attach)
    (view,) = (await known.get(f"/posts/{post}", "cleo"))["posts"][post]["attachments"]
    assert view["stays"]
    assert (await asked_by(known, hash_)).json()["error"]["code"] == "not_exported"
    media.close()


async def asked_by(site: Site, hash: str, region: str = "de", **changes: Any) -> httpx.Response:
    path = f"/federation/v1/media/{hash}"
    said = {"to": "in", "method": "GET", "path": path, "now": site.node.clock.now} | changes
    word = peer_proof.sign(said.pop("key", KEY), region, *said.values())
    return await site.ask("GET", "/" + path, headers={"Authorization": word})


@pytest.fixture
async def known(tmp_path: Path, database: Path) -> AsyncIterator[Site]:
    """A site with the peers de and fr, which have the same key here."""
    keys = {"de": (b"o" * 32, PUBLIC), "fr": (PUBLIC,)}
    pinned = {"peer_keys": lambda region: keys.get(region, ())}
    async with open_site(tmp_path, database, peers=("de", "fr"), **pinned) as site:
        yield site


async def test_a_region_in_the_posts_lane_gets_the_bytes(known: Site) -> None:
    hash_, _, _ = await shown(known, PDF)
    response = await asked_by(known, hash_)
    assert (response.status_code, response.content) == (200, PDF)
    assert (await asked_by(known, hash_, "fr")).content == PDF


async def test_a_region_outside_it_learns_nothing(known: Site) -> None:
    home = await known.node.community("asha", "Home", audience="local")
    hash_, _, _ = await shown(known, PDF, place=home)
    response = await asked_by(known, hash_)
    assert response.json()["error"]["code"] == "not_found"
    draft = await sent(known, "asha", PDF + b"draft")
    assert (await asked_by(known, draft["hash"])).status_code == 404


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"to": "fr"}, "bad_signature"),
        ({"path": "/federation/v1/media/" + "1" * 64}, "bad_signature"),
        ({"method": "PUT"}, "bad_signature"),
        ({"region": "br"}, "unknown_peer"),
        ({"now": 5}, "expired"),
        ({"key": Ed25519PrivateKey.from_private_bytes(b"x" * 32)}, "bad_signature"),
    ],
)
async def test_a_region_must_prove_who_it_is(
    known: Site, changes: dict[str, Any], code: str
) -> None:
    hash_, _, _ = await shown(known, PDF)
    region = changes.pop("region", "de")
    response = await asked_by(known, hash_, region, **changes)
    assert response.json()["error"]["code"] == code


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "unknown_peer"),
        ("Bearer x", "unknown_peer"),
        ("Tap-Peer de", "bad_signature"),
        ("Tap-Peer de.1767225600000.???", "bad_signature"),
        (f"Tap-Peer de.x.{base64.b64encode(b'x' * 64).decode()}", "bad_signature"),
    ],
)
async def test_a_malformed_proof_is_no_proof(known: Site, header: str, code: str) -> None:
    path = "//federation/v1/media/" + "1" * 64
    headers = {"Authorization": header} if header else {}
    response = await known.ask("GET", path, headers=headers)
    assert response.json()["error"]["code"] == code

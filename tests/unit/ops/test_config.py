"""The configuration: what is allowed, where values come from, and what a misspelt key gets."""

import base64
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.domain import scoring_policy
from server.ops import config_file
from server.ops.config import Config, ConfigError, NodeSection, Peer, dials, redacted
from server.ops.config_checks import check

KEY = base64.b64encode(bytes(range(32))).decode()
NODE = '[node]\nregion = "de"\nname = "Germany"\n'


def parse(text: str, base: Path = Path("/srv/tap")) -> Config:
    return config_file.parse(text, base).config


def refused(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        config_file.parse(text, Path())
    return caught.value.problems


def write(folder: Path, text: str) -> Path:
    path = folder / "tap.toml"
    path.write_text(text, encoding="utf-8")
    return path


# -- values ---------------------------------------------------------------------------------------------


def test_two_keys_are_enough_for_a_node() -> None:
    config = parse(NODE)
    assert (config.node.region, config.country, config.http.port) == ("de", "DE", 8420)
    assert config.public_url == "http://127.0.0.1:8420"


@pytest.mark.parametrize(
    ("http", "url"),
    [
        ('host = "::1"', "http://[::1]:8420"),
        ('tls_certificate = "c.pem"\ntls_key = "k.pem"', "https://127.0.0.1:8420"),
        ('public_url = "https://tap.example.com/"', "https://tap.example.com"),
    ],
)
def test_the_public_address_follows_from_what_is_configured(http: str, url: str) -> None:
    assert parse(NODE + "[http]\n" + http).public_url == url


def test_folders_are_named_from_the_file_s_own_folder() -> None:
    config = parse(NODE + 'data_dir = "log"\n')
    assert config.node.data_dir == "/srv/tap/log"
    assert config.node.key_file == "/srv/tap/log/node.key"


def test_a_configuration_cannot_be_changed_once_read() -> None:
    with pytest.raises(AttributeError):
        parse(NODE).node.region = "fr"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[node]\nregion = "D"\nname = "x"', "2 to 16 characters"),
        ('[node]\nregion = "de"\nname = " "', "node.name is empty"),
        ('[node]\nregion = "de"', "name"),
        (NODE + 'country = "Germany"', "two capital letters"),
        (NODE + "[http]\nport = 70000", "http.port"),
        (NODE + '[http]\nport = "x"', "http.port"),
        (NODE + '[http]\npublic_url = "tap.example.com"', "http.public_url"),
        (NODE + '[http]\npublic_url = "https://tap.example.com/tap"', "without a path"),
        (NODE + '[http]\ntls_key = "a.pem"', "need each other"),
        (NODE + '[http]\ntrusted_proxies = ["10.20.0.1/16"]', '"10.20.0.1/16" is neither'),
        (NODE + '[http]\ntrusted_proxies = ["proxy.example.com"]', "http.trusted_proxies"),
        (NODE + '[http]\ntrusted_proxies = ["*", "::1"]', '"*" stands alone'),
        (NODE + '[storage]\nurl = "mysql://db"', "sqlite or postgresql"),
        (NODE + '[storage]\nurl = "postgresql://tap:s3cret@db:port/tap"', "storage.url"),
        (NODE + '[storage]\nurl = "postgresql:/db"', "storage.url"),
        (NODE + '[storage]\nurl = "postgresql+psycopg2://db/tap"', "sqlite or postgresql"),
        (NODE + '[lanes.groups]\neu = ["de", "xx"]', '"xx", which is neither this node nor a peer'),
        (NODE + '[webhooks]\nnetworks = ["10.20.0.1/16"]', "is no network"),
        (NODE + '[log]\nlevel = "loud"', "log.level"),
        (NODE + "[http", "no valid TOML"),
    ],
)
def test_a_wrong_value_gets_a_sentence_that_names_it(text: str, sentence: str) -> None:
    problems = refused(text)
    assert any(sentence in problem for problem in problems)
    assert "s3cret" not in str(problems)


def test_every_problem_is_named_at_once() -> None:
    assert len(refused('[node]\nregion = "D"\nname = ""\ncountry = "d"')) == 3


# -- unknown keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (NODE + "[http]\nprot = 1", "http.prot is no key of Tap: did you mean http.port?"),
        (NODE + "[htpp]\nport = 1", "htpp is no key of Tap: did you mean http?"),
        (NODE + "zzzzzz = 1", "node.zzzzzz is no key of Tap."),
        (NODE + '[[peers]]\nregoin = "fr"', "did you mean peers[0].region?"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(text: str, sentence: str) -> None:
    assert any(sentence in problem for problem in refused(text))


def test_an_unknown_variable_is_refused_with_the_nearest_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"TAP_HTTP__PROT .* did you mean http.port\?"):
        config_file.load(write(tmp_path, NODE), {"TAP_HTTP__PROT": "1"})


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("TAP_HTTP_PORT", "TAP_HTTP__PORT"),
        ("TAP_HTTP_PROT", "TAP_HTTP__PORT"),
        ("TAP_HTPP_PORT", "TAP_HTTP__PORT"),
        ("TAP_HTTP_TRUSTED_PROXIES", "TAP_HTTP__TRUSTED_PROXIES"),
        ("TAP_STORAGE_URL", "TAP_STORAGE__URL"),
        ("TAP_LOG_LEVEL", "TAP_LOG__LEVEL"),
        ("TAP_LANES_GROUPS_EU", "TAP_LANES__GROUPS__<NAME>"),
    ],
)
def test_a_variable_that_is_nearly_a_key_s_is_refused(
    tmp_path: Path, variable: str, nearest: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        config_file.load(write(tmp_path, NODE), {variable: "1"})
    assert refused.value.problems == (
        f"The environment variable {variable} names no key of Tap: did you mean {nearest}?",
    )


# -- the environment ----------------------------------------------------------------------------------------


def test_the_environment_beats_the_file_which_beats_the_default(tmp_path: Path) -> None:
    path = write(tmp_path, NODE + '[http]\nport = 9000\npublic_url = "http://x"\n')
    loaded = config_file.load(path, {"TAP_HTTP__PORT": "9100", "TAP_NODE__NAME": "Allemagne"})
    origins = {row.key: (row.value, row.origin) for row in config_file.effective(loaded)}
    assert origins["http.port"] == (9100, "TAP_HTTP__PORT")
    assert origins["http.public_url"] == ("http://x", "file")
    assert origins["http.host"] == ("127.0.0.1", "default")
    assert loaded.config.node.name == "Allemagne"


def test_lists_groups_and_numbers_come_from_the_environment_as_toml(tmp_path: Path) -> None:
    loaded = config_file.load(
        write(tmp_path, NODE),
        {"TAP_LANES__GROUPS__EU": '["de"]', "TAP_DEMO__ENABLED": "true", "TAP_NODE__NAME": "12"},
    )
    assert loaded.config.lanes.groups == {"eu": ("de",)}
    assert loaded.config.demo.enabled
    assert loaded.config.node.name == "12"


def test_variables_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    """Those of our tests, tools and examples; and what Kubernetes says of a service that is called tap."""
    ours = (
        *(
            "TAP_CONFIG",
            "TAP_DEMO_DIR",
            "TAP_HOST",
            "TAP_UPSTREAM",
            "TAP_URL",
            "TAP_TOKEN",
            "TAP_WEB",
        ),
        *(
            "TAP_WEBHOOK_SECRETS",
            "TAP_TEST_SEED",
            "TAP_TEST_PROFILE",
            "TAP_TEST_DATA",
            "TAP_CHROMIUM",
        ),
        *("TAP_WRITE_VECTORS", "TAP_NODE"),
    )
    theirs = (
        *("TAP_PORT", "TAP_SERVICE_HOST", "TAP_SERVICE_PORT", "TAP_SERVICE_PORT_HTTP"),
        *("TAP_PORT_8420_TCP", "TAP_PORT_8420_TCP_ADDR", "TAP_PORT_8420_TCP_PORT"),
    )
    config_file.load(
        write(tmp_path, NODE), dict.fromkeys((*ours, *theirs, "PATH", "HTTP_PORT"), "x")
    )


def test_files_of_the_federation_are_found_from_the_file_s_folder(tmp_path: Path) -> None:
    text = NODE + '[federation]\nca_file = "ca.pem"\ncertificate = "own.pem"\nkey = "own.key"\n'
    federation = config_file.load(write(tmp_path, text), {}).config.federation
    assert federation.ca_file == str(tmp_path / "ca.pem")
    assert federation.key == str(tmp_path / "own.key")
    half = NODE + '[federation]\ncertificate = "own.pem"\n'
    assert any("federation.key need each other" in problem for problem in refused(half))


def test_a_value_of_the_wrong_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"http\.port"):
        config_file.load(write(tmp_path, NODE), {"TAP_HTTP__PORT": "many"})


# -- peers --------------------------------------------------------------------------------------------------


def with_peer(**change: Any) -> Config:
    peer = Peer(region="fr", url="https://tap.fr.example.com", public_key=KEY)
    return Config(
        node=NodeSection(region="de", name="Germany"),
        peers=(msgspec.structs.replace(peer, **change),),
    )


def test_a_peer_is_pinned_by_its_public_key() -> None:
    config = with_peer()
    assert check(config) == []
    assert config.peers[0].key == bytes(range(32))
    assert config.regions == {"de", "fr"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"region": "de"}, "already this node"),
        ({"region": "F"}, 'peers[0].region "F" must be 2 to 16 characters'),
        ({"url": "tap.fr"}, "peers[0].url"),
        ({"public_key": "bm8="}, "tap keys"),
        ({"public_key": "!!"}, "tap keys"),
    ],
)
def test_a_wrong_peer_is_refused(change: dict[str, str], sentence: str) -> None:
    assert any(sentence in problem for problem in check(with_peer(**change)))


def test_exactly_one_side_dials_unless_told_otherwise() -> None:
    peer = with_peer().peers[0]
    assert dials("de", peer) != dials("gb", peer)
    assert dials("zz", msgspec.structs.replace(peer, dial=True))


# -- the file `tap init` writes ---------------------------------------------------------------------------------


def test_a_rendered_file_explains_every_key_and_reads_back_as_the_defaults() -> None:
    text = config_file.render({"node.region": "de", "node.name": "Germany"})
    for key in config_file.all_keys():
        if not key.name.startswith("peers."):
            assert f"{key.name.split('.')[-1]} = " in text
    assert parse(text) == parse(NODE)


def test_a_rendered_file_with_every_default_uncommented_says_the_same() -> None:
    text = config_file.render({"node.region": "de", "node.name": "Germany"})
    keys = {key.name.split(".")[-1] for key in config_file.all_keys()}
    own, _, _ = text.partition("# One [[peers]]")
    lines = [
        line.removeprefix("# ") if line.removeprefix("# ").split(" = ")[0] in keys else line
        for line in own.splitlines()
    ]
    assert parse("\n".join(lines)) == parse(NODE)


def test_passwords_in_addresses_are_not_printed() -> None:
    assert redacted("postgresql://tap:s3cret@db/tap") == "postgresql://tap:***@db/tap"
    assert redacted("postgresql://db/tap") == "postgresql://db/tap"
    assert redacted("postgresql://tap:s3@cret@db/tap") == "postgresql://tap:***@db/tap"
    said = redacted(
        "postgresql://db/tap?user=tap&password=s3cret&sslpassword=s3cret&sslmode=require"
    )
    assert said == "postgresql://db/tap?user=tap&password=***&sslpassword=***&sslmode=require"
    with pytest.raises(ConfigError, match="no address") as refused:
        config_file.parse(NODE + '[storage]\nurl = "host=db password=s3cret"', Path())
    assert "s3cret" not in str(refused.value)
    loaded = config_file.parse(NODE + '[storage]\nurl = "postgresql://tap:s3cret@db/tap"', Path())
    assert "s3cret" not in str(config_file.effective(loaded))


def test_a_missing_file_and_an_unreadable_one_get_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tap init"):
        config_file.load(tmp_path / "none.toml", {})
    with pytest.raises(ConfigError, match="cannot be read"):
        config_file.load(tmp_path, {})


def test_the_file_is_looked_for_here_and_then_in_etc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(config_file, "PLACES", (Path("tap.toml"), tmp_path / "etc.toml"))
    with pytest.raises(ConfigError, match="tap init"):
        config_file.find(None)
    (tmp_path / "etc.toml").touch()
    assert config_file.find(None) == tmp_path / "etc.toml"
    Path("tap.toml").touch()
    assert config_file.find(None) == Path("tap.toml")
    assert config_file.find("given.toml") == Path("given.toml")
    assert os.getcwd() == str(tmp_path)


def test_former_keys_are_the_bytes_that_signed_once(tmp_path: Path) -> None:
    former = base64.b64encode(bytes(range(32))).decode()
    text = NODE + f'[federation]\nformer_public_keys = ["{former}"]\n'
    federation = config_file.load(write(tmp_path, text), {}).config.federation
    assert federation.former_keys == (bytes(range(32)),)
    wrong = NODE + '[federation]\nformer_public_keys = ["abc"]\n'
    assert any("federation.former_public_keys" in problem for problem in refused(wrong))


# ---------------------------------------------------------------- scoring


def scored(country: str, lines: str = "") -> str:
    return f'[node]\nregion = "xx"\nname = "X"\ncountry = "{country}"\n[scoring]\n{lines}'


def test_what_is_told_of_contributions_follows_from_the_country() -> None:
    assert parse(scored("IN")).scoring_policy == scoring_policy.DEFAULT
    assert parse(scored("DE")).scoring_policy == scoring_policy.CAUTIOUS
    agreed = parse(scored("DE", 'agreement = "KBV 7"')).scoring_policy
    assert (agreed.leaders, agreed.recognition) == ("quartiles", "consent")


@pytest.mark.parametrize("country", ["AT", "DE", "FI"])
def test_more_than_private_scores_needs_an_agreement_there(country: str) -> None:
    wide = 'scores = "opt_in"\nboards = "opt_in"\n'
    found = refused(scored(country, wide))
    assert len(found) == 2
    assert all("scoring.agreement" in problem for problem in found)
    assert parse(scored(country, wide + 'agreement = "KBV 7"')).scoring_policy.boards == "opt_in"
    assert parse(scored("IN", wide)).scoring_policy.scores == "opt_in"


def test_a_group_is_never_smaller_than_the_limit() -> None:
    assert any("scoring.k" in problem for problem in refused(scored("IN", "k = 9")))

"""What one node's operator decides: the sections of ``tap.toml`` as frozen values.

Each key's ``description`` is its documentation: ``tap init`` writes it above the key and
docs/operations/configuration.md repeats it (a test holds the two together). A key with a unit names
it. Reading files and the environment is ``config_file``'s; which values go together, ``config_checks``'.
"""

import base64
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from server.domain.events import PersonalField, ResidencyPolicy, ScoringPolicy
from server.domain.events.base import BoardsRule, LeadersRule, RecognitionRule, ScoresRule
from server.domain.limits import COHORT_PEOPLE_MIN, NAME_CHARS_MAX
from server.domain.residency import DEFAULT
from server.domain.scoring_policy import DEFAULT as DEFAULT_SCORING
from server.domain.scoring_policy import default_of

DEFAULT_PORT = 8420


class ConfigError(Exception):
    """The configuration cannot be used; ``problems`` holds one sentence for each reason."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every section: immutable once read."""


class NodeSection(Section, frozen=True, kw_only=True):
    """Which region this is."""

    region: Annotated[
        str,
        Meta(description="Short code of this region, for ever: it is part of every event's id."),
    ]
    name: Annotated[str, Meta(description="The region's name as people read it.")]
    country: Annotated[
        str, Meta(description='Two capital letters (ISO 3166), or "" for the region in capitals.')
    ] = ""
    data_dir: Annotated[
        str,
        Meta(
            description="Folder of the database, the key and the lock; from the file's own folder."
        ),
    ] = "data"
    key_file: Annotated[
        str,
        Meta(description='The signing key, mode 0600. "" is node.key in data_dir.'),
    ] = ""


class HttpSection(Section, frozen=True, kw_only=True):
    """The one port: web client, API, live sockets and peers."""

    host: Annotated[
        str, Meta(description='Address to listen on; "0.0.0.0" for every interface.')
    ] = "127.0.0.1"
    port: Annotated[
        int,
        Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one and prints it."),
    ] = DEFAULT_PORT
    public_url: Annotated[
        str,
        Meta(
            description="Address people type. Sign-in checks the browser's origin against it, and "
            'https here marks cookies Secure. "" is http:// with host and port.'
        ),
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses or networks whose X-Forwarded-For and -Proto headers are believed."
        ),
    ] = ("127.0.0.1", "::1")
    tls_certificate: Annotated[
        str,
        Meta(
            description='PEM chain, when no proxy in front of the node does TLS. "" is plain HTTP.'
        ),
    ] = ""
    tls_key: Annotated[str, Meta(description="PEM private key of tls_certificate.")] = ""


class StorageSection(Section, frozen=True, kw_only=True):
    """Where the log lives."""

    url: Annotated[
        str,
        Meta(
            description='"" is SQLite (tap.db in data_dir); postgresql://user:password@host/database '
            "for a region that outgrew one machine; one node at a time has it open.",
            extra={"secret": "url"},
        ),
    ] = ""


class LanesSection(Section, frozen=True, kw_only=True):
    """Policy groups of regions: a community whose audience is a group stays inside it."""

    groups: Annotated[
        dict[str, tuple[str, ...]],
        Meta(
            description='Name to region codes, such as eu = ["de", "fr"]. The same on every node.'
        ),
    ] = {}


class ResidencySection(Section, frozen=True, kw_only=True):
    """What may leave this region. A change holds from the next start and is part of the log."""

    profile: Annotated[
        tuple[PersonalField, ...],
        Meta(
            description="Fields about a person that every region gets, beside id, name and home: of title, "
            "unit, country, about, skills, locale, timezone, status_reason. The others stay here."
        ),
    ] = DEFAULT.profile
    in_groups: Annotated[
        dict[str, tuple[PersonalField, ...]],
        Meta(description='Further fields for a policy group, such as eu = ["about"].'),
    ] = {}
    audiences: Annotated[
        tuple[str, ...],
        Meta(
            description="Lanes in which what people write may leave: global, group.<name> or group.* for "
            "all groups, pair.* for conversations with one other region."
        ),
    ] = DEFAULT.audiences

    @property
    def policy(self) -> ResidencyPolicy:
        return ResidencyPolicy(
            profile=self.profile, in_groups=self.in_groups, audiences=self.audiences
        )


class ScoringSection(Section, frozen=True, kw_only=True):
    """What is told of people's contributions. A change holds from the next start and is part of the log."""

    scores: Annotated[
        ScoresRule,
        Meta(
            description="off: nobody is scored here; private: people see their own; opt_in: others see those "
            "of whoever wants it; public: of whoever does not refuse."
        ),
    ] = DEFAULT_SCORING.scores
    boards: Annotated[
        BoardsRule,
        Meta(description="Names in boards: off, opt_in or on (unless refused)."),
    ] = DEFAULT_SCORING.boards
    leaders: Annotated[
        LeadersRule | Literal[""],
        Meta(
            description="Anonymous comparison of leaders with at least k others: off or quartiles. "
            '"" is quartiles; in AT, DE and FI off until there is an agreement.'
        ),
    ] = ""
    recognition: Annotated[
        RecognitionRule | Literal[""],
        Meta(
            description="Nominations with evidence for a committee: off, consent or on (unless refused). "
            '"" is consent; in AT, DE and FI off until there is an agreement.'
        ),
    ] = ""
    k: Annotated[
        int,
        Meta(
            ge=COHORT_PEOPLE_MIN,
            lt=2**31,
            description="The fewest people a figure about several may stand for; 10 or more.",
        ),
    ] = DEFAULT_SCORING.k
    retention_days: Annotated[
        int,
        Meta(
            ge=0,
            lt=2**31,
            description="Days after which a line of a ledger keeps its day, kind and points and no longer says what "
            "it was about; 0 is never.",
        ),
    ] = DEFAULT_SCORING.retention_days
    agreement: Annotated[
        str,
        Meta(
            max_length=NAME_CHARS_MAX,
            description="Id of the agreement with the staff's representatives, if there is one. AT, DE and FI "
            "need it for more than private scores.",
        ),
    ] = DEFAULT_SCORING.agreement


class Peer(Section, frozen=True, kw_only=True):
    """One other region. Nothing is discovered: who is not named here is refused."""

    region: Annotated[str, Meta(description="The peer's region code.")]
    url: Annotated[
        str,
        Meta(description='Its public_url, such as "https://tap.fr.example.com".'),
    ]
    public_key: Annotated[
        str, Meta(description="What `tap keys` prints there: base64 of its Ed25519 public key.")
    ]
    dial: Annotated[
        bool | None,
        Meta(
            description="Whether this node opens the link. Absent: the region first in the alphabet "
            "does."
        ),
    ] = None

    @property
    def page(self) -> str:
        """The address people type, whatever the link to it speaks."""
        return "http" + self.url.removeprefix("ws") if self.url.startswith("ws") else self.url

    @property
    def key(self) -> bytes:
        """The pinned public key, 32 bytes; ``check`` has seen that it decodes."""
        return base64.b64decode(self.public_key)


class FederationSection(Section, frozen=True, kw_only=True):
    """How this node shows and checks certificates when it opens links; the pinned keys stay decisive."""

    ca_file: Annotated[
        str,
        Meta(
            description="PEM certificates of the company's own authority: links are trusted to these "
            'only. "" trusts those of the system.'
        ),
    ] = ""
    certificate: Annotated[
        str,
        Meta(
            description="PEM chain this node shows to peers whose proxies ask for one (mutual TLS). "
            '"" shows none.'
        ),
    ] = ""
    key: Annotated[str, Meta(description="PEM private key of certificate.")] = ""
    former_public_keys: Annotated[
        tuple[str, ...],
        Meta(
            description="What `tap keys` printed here before the key was replaced: peers may bring back "
            "what this node signed with it. Keys that `tap keys rotate` replaced are known anyway."
        ),
    ] = ()
    roster_file: Annotated[
        str,
        Meta(
            description="The signed roster, if the company has one (`tap roster`); a newer one is taken "
            "while the node runs. It replaces [[peers]], of which only dial still counts, and "
            'lanes.groups. "" is roster.json in data_dir.'
        ),
    ] = ""

    @property
    def former_keys(self) -> tuple[bytes, ...]:
        """32 bytes each; ``check`` has seen that they decode."""
        return tuple([base64.b64decode(text) for text in self.former_public_keys])


class LiveSection(Section, frozen=True, kw_only=True):
    """What clients see of each other while they are connected."""

    presence: Annotated[
        bool,
        Meta(
            description="Whether colleagues see who is online or away. It is never stored; false keeps "
            "nothing at all, where an agreement with the staff asks for that."
        ),
    ] = True
    presence_abroad: Annotated[
        bool,
        Meta(
            description="Whether colleagues in other regions see it as well, while they look at somebody. false "
            "tells no region who of this one is there; who types in a place both regions have is shown there still."
        ),
    ] = True


class PeopleSection(Section, frozen=True, kw_only=True):
    """People who move between regions."""

    accept_moves: Annotated[
        bool,
        Meta(
            description="Whether whoever another region hands over is taken over without asking; else "
            "an operator says `tap user accept`, or a region admin `person.take_over`."
        ),
    ] = False


class MediaSection(Section, frozen=True, kw_only=True):
    """Files that people attach to posts; their bytes lie in data_dir/media."""

    leaves: Annotated[
        bool,
        Meta(
            description="Whether files uploaded here may go to other regions. false: colleagues there read "
            "that the file stays here; it holds for what is uploaded from then on."
        ),
    ] = True


class WebhooksSection(Section, frozen=True, kw_only=True):
    """Events sent to other systems (`tap webhook`)."""

    networks: Annotated[
        tuple[str, ...],
        Meta(
            description="Private networks whose machines may be sent to, such as 10.20.0.0/16: without, only the "
            "open internet may, so that nobody reaches through this node what only it can reach."
        ),
    ] = ()
    ca_file: Annotated[
        str,
        Meta(
            description="PEM certificates of the company's own authority: receivers are trusted to these only. "
            '"" trusts those of the system.'
        ),
    ] = ""


class LogSection(Section, frozen=True, kw_only=True):
    """What the node says on standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least that is written.")
    ] = "info"
    format: Annotated[
        Literal["console", "json"], Meta(description="console for people, json for collectors.")
    ] = "console"


class DemoSection(Section, frozen=True, kw_only=True):
    """For trying Tap out; leave it off on a real node."""

    enabled: Annotated[
        bool,
        Meta(
            description="Whether this node belongs to `tap demo`, whose passwords are easily found; the "
            "doctor objects when others can reach it."
        ),
    ] = False


class Config(Section, frozen=True, kw_only=True):
    """All of ``tap.toml``."""

    node: NodeSection
    http: HttpSection = HttpSection()
    storage: StorageSection = StorageSection()
    lanes: LanesSection = LanesSection()
    residency: ResidencySection = ResidencySection()
    scoring: ScoringSection = ScoringSection()
    peers: tuple[Peer, ...] = ()
    federation: FederationSection = FederationSection()
    people: PeopleSection = PeopleSection()
    live: LiveSection = LiveSection()
    media: MediaSection = MediaSection()
    webhooks: WebhooksSection = WebhooksSection()
    log: LogSection = LogSection()
    demo: DemoSection = DemoSection()

    @property
    def country(self) -> str:
        return self.node.country or self.node.region.upper()[:2]

    @property
    def scoring_policy(self) -> ScoringPolicy:
        """As configured; what is left open follows from the country and the agreement."""
        chosen, open_to = self.scoring, default_of(self.country, self.scoring.agreement)
        return ScoringPolicy(
            scores=chosen.scores,
            boards=chosen.boards,
            leaders=chosen.leaders or open_to.leaders,
            recognition=chosen.recognition or open_to.recognition,
            k=chosen.k,
            retention_days=chosen.retention_days,
            agreement=chosen.agreement.strip(),
        )

    @property
    def regions(self) -> frozenset[str]:
        """Every region this node knows of, itself included."""
        return frozenset({self.node.region, *(peer.region for peer in self.peers)})

    @property
    def public_url(self) -> str:
        """The configured address, else the one that follows from host and port."""
        scheme = "https" if self.http.tls_certificate else "http"
        host = f"[{self.http.host}]" if ":" in self.http.host else self.http.host
        return self.http.public_url.rstrip("/") or f"{scheme}://{host}:{self.http.port}"

    @property
    def roster_path(self) -> Path:
        """Where the roster is, if there is one."""
        return Path(self.federation.roster_file or Path(self.node.data_dir) / "roster.json")

    def dials(self, region: str) -> bool:
        """Whether this node opens the link to a region, be it in ``peers`` or not."""
        named = next((peer for peer in self.peers if peer.region == region), None)
        return dials(self.node.region, named) if named else self.node.region < region

    def on_port(self, port: int) -> "Config":
        """The same, with the port that was taken when 0 asked for a free one."""
        http = msgspec.structs.replace(self.http, port=port)
        return msgspec.structs.replace(self, http=http)


def dials(own: str, peer: Peer) -> bool:
    """Whether this node opens the link to a peer: exactly one side should."""
    return own < peer.region if peer.dial is None else peer.dial


def redacted(value: Any) -> str:
    """A database address without its password, be it before the host (with what should have been %40 there) or among
    the parameters."""
    hidden = re.sub(r"(://[^:/@]*):[^?]*@", r"\1:***@", str(value))
    return re.sub(r"([?&]\w*password=)[^&]*", r"\1***", hidden)

"""The demo company: Varuna Pumps, which makes pumps and the software that watches them.

People and places are invented. Ids are what they log in with.
"""

from typing import Any, NamedTuple

from server.domain.events import CommunityMode, RegionRole


class Region(NamedTuple):
    code: str
    name: str
    country: str
    timezone: str
    locale: str
    scores: str = ""
    boards: str = ""
    """``[scoring]`` of its configuration; empty for what its country's law allows without an agreement."""


class Person(NamedTuple):
    """``roles``: region-wide; ``skills`` are shown on the profile; ``open``: chose to be shown in everything."""

    id: str
    region: str
    name: str
    title: str
    unit: str
    skills: tuple[str, ...] = ()
    roles: tuple[RegionRole, ...] = ()
    open: bool = False


class Community(NamedTuple):
    """``key`` is the demo's own name for it; ``owner`` creates it, so it lives in their region. ``mode``: what
    it makes of contributions (docs/scoring.md 9.2); there is one of each."""

    key: str
    name: str
    about: str
    owner: str
    mode: CommunityMode = "quiet"


REGIONS = (
    Region("in", "India", "IN", "Asia/Kolkata", "en", "public", "on"),
    Region("de", "Germany", "DE", "Europe/Berlin", "de"),
    Region("br", "Brazil", "BR", "America/Sao_Paulo", "pt", "opt_in", "opt_in"),
)

PEOPLE = (
    Person(
        "asha.rao",
        "in",
        "Asha Rao",
        "Head of Communications",
        "Communications Pune",
        ("writing", "events"),
        ("communications_leader", "moderator"),
    ),
    Person(
        "vikram.nair",
        "in",
        "Vikram Nair",
        "Regional IT Lead",
        "IT Bengaluru",
        ("networks", "linux"),
        ("region_admin", "moderator"),
    ),
    Person(
        "meera.iyer",
        "in",
        "Meera Iyer",
        "Firmware Engineer",
        "Controls Bengaluru",
        ("firmware", "c", "sensors"),
        open=True,
    ),
    Person(
        "rohan.kulkarni",
        "in",
        "Rohan Kulkarni",
        "Test Bench Engineer",
        "Testing Pune",
        ("hydraulics", "vibration"),
        open=True,
    ),
    Person(
        "fatima.sheikh",
        "in",
        "Fatima Sheikh",
        "Data Scientist",
        "Analytics Bengaluru",
        ("python", "time-series"),
        open=True,
    ),
    Person(
        "arjun.menon",
        "in",
        "Arjun Menon",
        "Service Engineer",
        "Field Service Kochi",
        ("commissioning", "seals"),
        open=True,
    ),
    Person(
        "kavya.reddy",
        "in",
        "Kavya Reddy",
        "Supply Planner",
        "Supply Chain Hyderabad",
        ("planning", "customs"),
    ),
    Person(
        "tenzin.dorjee",
        "in",
        "Tenzin Dorjee",
        "Graduate Engineer",
        "Testing Pune",
        ("cad",),
    ),
    Person(
        "katharina.vogel",
        "de",
        "Katharina Vogel",
        "Internal Communications",
        "Communications Mannheim",
        ("editing", "video"),
        ("communications_leader", "moderator"),
    ),
    Person(
        "jens.hartmann",
        "de",
        "Jens Hartmann",
        "IT Operations",
        "IT Mannheim",
        ("databases", "security"),
        ("region_admin",),
    ),
    Person(
        "lena.brandt",
        "de",
        "Lena Brandt",
        "Hydraulics Specialist",
        "Engineering Mannheim",
        ("hydraulics", "cavitation", "cfd"),
    ),
    Person(
        "mehmet.yilmaz",
        "de",
        "Mehmet Yılmaz",
        "Control Systems Engineer",
        "Controls Leipzig",
        ("plc", "modbus", "firmware"),
    ),
    Person(
        "sofie.lindner",
        "de",
        "Sofie Lindner",
        "Quality Manager",
        "Quality Mannheim",
        ("audits", "iso-9001"),
    ),
    Person(
        "paul.krueger",
        "de",
        "Paul Krüger",
        "Service Technician",
        "Field Service Hamburg",
        ("seals", "bearings", "alignment"),
    ),
    Person(
        "amira.haddad",
        "de",
        "Amira Haddad",
        "Sustainability Lead",
        "Strategy Berlin",
        ("energy", "life-cycle"),
    ),
    Person(
        "tobias.weiss",
        "de",
        "Tobias Weiß",
        "Software Developer",
        "Digital Leipzig",
        ("typescript", "python"),
    ),
    Person(
        "beatriz.carvalho",
        "br",
        "Beatriz Carvalho",
        "Communications Manager",
        "Communications São Paulo",
        ("events", "photography"),
        ("communications_leader", "moderator"),
        open=True,
    ),
    Person(
        "rafael.souza",
        "br",
        "Rafael Souza",
        "IT Coordinator",
        "IT São Paulo",
        ("networks", "support"),
        ("region_admin",),
        open=True,
    ),
    Person(
        "joao.pereira",
        "br",
        "João Pereira",
        "Commissioning Lead",
        "Field Service Santos",
        ("commissioning", "offshore"),
        open=True,
    ),
    Person(
        "camila.oliveira",
        "br",
        "Camila Oliveira",
        "Process Engineer",
        "Engineering Campinas",
        ("ethanol", "process", "cavitation"),
        open=True,
    ),
    Person(
        "diego.almeida",
        "br",
        "Diego Almeida",
        "Embedded Developer",
        "Controls Campinas",
        ("firmware", "c", "rust"),
    ),
    Person(
        "larissa.santos",
        "br",
        "Larissa Santos",
        "Safety Officer",
        "Safety Santos",
        ("safety", "training"),
    ),
    Person(
        "thiago.lima",
        "br",
        "Thiago Lima",
        "Buyer",
        "Supply Chain São Paulo",
        ("castings", "negotiation"),
    ),
    Person(
        "ines.moreau",
        "br",
        "Inês Moreau",
        "Data Analyst",
        "Analytics São Paulo",
        ("python", "sql", "energy"),
    ),
)

SITE_LEADS = tuple(
    [
        Person(id_, "in", name, "Site Lead", f"Site {site}")
        for id_, name, site in (
            ("divya.shetty", "Divya Shetty", "Mangaluru"),
            ("sanjay.patil", "Sanjay Patil", "Nagpur"),
            ("nandini.bose", "Nandini Bose", "Kolkata"),
            ("harpreet.gill", "Harpreet Gill", "Ludhiana"),
            ("anil.thomas", "Anil Thomas", "Kochi"),
            ("lakshmi.venkat", "Lakshmi Venkat", "Coimbatore"),
            ("imran.qureshi", "Imran Qureshi", "Hyderabad"),
            ("pooja.desai", "Pooja Desai", "Vadodara"),
            ("suresh.yadav", "Suresh Yadav", "Jaipur"),
            ("mary.lyngdoh", "Mary Lyngdoh", "Shillong"),
            ("ganesh.kamath", "Ganesh Kamath", "Pune"),
        )
    ]
)
"""They moderate the company news and answered there before anybody looked (``past``); none is at a desk. With
the head of communications they are twelve: ten others and more stand behind each quartile of a leader's page."""

COMMUNITIES = (
    Community(
        "news",
        "Company news",
        "What everybody should know, and what everybody may ask those who run the sites.",
        "asha.rao",
    ),
    Community(
        "hydraulics",
        "Hydraulics",
        "Curves, cavitation, seals and bearings: ask, answer, pass on.",
        "lena.brandt",
        "feedback",
    ),
    Community(
        "controls",
        "Controls and firmware",
        "Everything between the sensor and the screen.",
        "meera.iyer",
        "friendly",
    ),
    Community(
        "data",
        "Python and data",
        "Scripts, notebooks, time series. No question is too small.",
        "fatima.sheikh",
        "programme",
    ),
    Community(
        "field",
        "Field service",
        "From the people who get their boots wet.",
        "joao.pereira",
    ),
    Community(
        "ideas",
        "Ideas",
        "Suggest something; each idea gets an answer, an owner and a date.",
        "amira.haddad",
    ),
    Community(
        "safety",
        "Safety first",
        "Near misses, lessons and good habits.",
        "larissa.santos",
    ),
    Community("canteen", "Canteen talk", "Food, music, football, cricket.", "beatriz.carvalho"),
)

PERSON = {person.id: person for person in (*PEOPLE, *SITE_LEADS)}
COMMUNITY = {community.key: community for community in COMMUNITIES}


def at_home(region: str) -> list[Person]:
    return [person for person in PEOPLE if person.region == region]


def home_of(community: str) -> str:
    """The region a community lives in."""
    return PERSON[COMMUNITY[community].owner].region


def settings(community: Community, name: str) -> dict[str, Any]:
    """The command with a community's settings, whole. ``name``: its id."""
    return {
        "do": "community.change",
        "community": name,
        "name": community.name,
        "about": community.about,
        "mode": community.mode,
    }

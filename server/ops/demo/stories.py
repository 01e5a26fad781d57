"""What the company talks about: short scenes, each of which makes sense from its first line to its last.

A scene's lines after the first begin with a mark:

    ``+``  somebody else answers or replies to the first post
    ``*``  the same, and the asker will accept this answer
    ``>``  somebody else replies to the line before
    ``<``  the first post's author replies to the line before

``{site}``, ``{model}`` and ``{n}`` are filled in anew each time, so that a scene can be played again.
A line may come in the language of its region's people; that is how the company talks.
"""

from typing import NamedTuple

SITES = (
    "Pune",
    "Kochi",
    "Hyderabad",
    "Mannheim",
    "Leipzig",
    "Hamburg",
    "Campinas",
    "Santos",
    "Recife",
    "Bengaluru",
)
MODELS = ("PX-40", "PX-65", "VR-12", "VR-20", "Delta 3", "Delta 5", "Orca 80")


class Story(NamedTuple):
    """``by``: the author when it must be this person; ``poll``: its choices; ``to``: whom it praises."""

    kind: str
    community: str
    title: str
    text: str
    lines: tuple[str, ...]
    topics: tuple[str, ...] = ()
    by: str = ""
    poll: tuple[str, ...] = ()
    to: str = ""
    link: str = ""


STORIES = (
    # -- questions ----------------------------------------------------------------------------------
    Story(
        "question",
        "hydraulics",
        "{model} rattles like gravel at {n} % flow. Cavitation?",
        "Booster station in {site}, water at 24 °C. The noise starts when the tank is below half. "
        "Vibration on the drive-end bearing goes from 2.1 to **{n} mm/s** peaks. What would you "
        "check first?",
        (
            "+Before anything else: what does the suction gauge say while it happens? If it drops "
            "below the curve's NPSHr plus half a metre, you have your answer.",
            "<Suction is at 0.31 bar absolute when it rattles, 0.55 when it is quiet.",
            "*That is too little for a {model}. Two things, in this order: clean the suction strainer "
            "(it is nearly always the strainer), then check that nobody throttles on the *suction* "
            "side. We had exactly this in Santos and the strainer was full of mussel shells.",
            "<It **was** the strainer. Back to 2.0 mm/s. Thank you, that saved us a pump swap!",
            ">Please put a photo of the strainer into the commissioning checklist, people never "
            "believe it.",
        ),
        ("cavitation", "commissioning"),
    ),
    Story(
        "question",
        "controls",
        "Modbus register {n} reads 65535 after the firmware update",
        "Since 4.{n} the gateway in {site} shows 65535 for the winding temperature. The local display "
        "is right. Did the map change?",
        (
            "*The map did not, but the *type* did: it is a signed value now, and -1 means 'sensor not "
            "fitted'. Set the second channel to `absent` in the menu, or update the gateway profile to "
            "version 7.",
            "+Same here in Campinas. The release note says it in one half-sentence on page 9.",
            "<Profile 7 did it. Could we have a table of changed registers on page 1 next time?",
            ">Fair. I have added it to the template; the next release note starts with it.",
        ),
        ("modbus", "firmware"),
    ),
    Story(
        "question",
        "data",
        "Fastest way to resample {n} million vibration samples?",
        "I have CSV files of {n} million rows from the bench in {site} and pandas needs minutes. I only "
        "need RMS per second.",
        (
            "+Do you need CSV? Parquet alone makes it five times faster.",
            "*Without changing the files: read in chunks with `usecols`, square, then "
            "`resample('1s').mean()` and take the root.\n\n```python\nrms = (df['a']**2)"
            ".resample('1s').mean()**0.5\n```\n\nIt is the string timestamps that cost you; give "
            "`date_format` and they parse at once.",
            "<From 4 minutes to 11 seconds. It was the timestamps!",
            ">I put this into our notebook template, with your name on it.",
        ),
        ("python", "vibration"),
    ),
    Story(
        "question",
        "field",
        "Which grease for the {model} at 48 °C ambient?",
        "Pump house in {site} has no ventilation to speak of. The manual ends at 40 °C.",
        (
            "*Above 40 °C take the polyurea grease and halve the interval. Not the lithium one; it bled "
            "out on us after {n} days.",
            "+And please write the grease on the housing with a paint marker. Mixing the two is worse "
            "than either.",
            "<Done, both. Paint marker is now in my bag.",
        ),
        ("bearings", "maintenance"),
    ),
    Story(
        "question",
        "controls",
        "Can two panels share one 4–20 mA pressure signal?",
        "Customer in {site} wants the reading in their own panel too. Splitter, or in series?",
        (
            "+In series works if the burden stays below the transmitter's limit. Add both inputs, 250 Ω "
            "each as a rule, and check the supply.",
            "*Series, but put an isolator in front of the customer's panel. Otherwise their maintenance "
            "unplugs it one day and *our* pump trips. Ask me how I know.",
            "<How do you know? 😄",
            ">A Sunday in Hamburg, {n} phone calls.",
        ),
        ("sensors", "panels"),
    ),
    Story(
        "question",
        "data",
        "Wie rechnet ihr kWh pro m³ über mehrere Standorte?",
        "Für den Energiebericht brauche ich einen Wert pro Standort, aber {site} misst nur die Summe. "
        "(English answers welcome.)",
        (
            "+We weight by running hours of each pump; within {n} % of the real thing when we compared.",
            "*Use the pump curve: speed and discharge pressure give you flow well enough, and you have "
            "both in the historian. I can share the notebook; it is forty lines.",
            "<Danke! Das Notebook läuft, und die Werte sind plausibel.",
        ),
        ("energy", "python"),
    ),
    Story(
        "question",
        "hydraulics",
        "Mechanical seal of the {model} lasts {n} weeks only. What are we doing wrong?",
        "Third one in {site} this year. Faces look polished, no scratches, but the O-ring is hard as wood.",
        (
            "+Hard O-ring = heat. Does it run against a closed valve at night?",
            "<It does! The level control closes the valve and stops the pump a minute later.",
            "*There you are: a minute against the valve boils the seal chamber. Swap the order: stop "
            "first, close then. And take FKM O-rings until the logic is changed.",
            ">We can put the interlock into the standard logic. Opening a change request today.",
            "<Two months without a seal. Accepted, with a bow.",
        ),
        ("seals", "commissioning"),
    ),
    Story(
        "question",
        "field",
        "Customs form for demo pumps: carnet or temporary import?",
        "Three {model} for the fair in {site}, back after {n} days.",
        (
            "*Carnet, if all countries take it: one paper for the round trip. Start two weeks before, the "
            "chamber needs four days. I have a filled example.",
            "+Temporary import took us longer than the fair itself…",
            "<Carnet it is, and the example helped a lot. Thank you, Kavya sent me here!",
        ),
        ("customs",),
    ),
    Story(
        "question",
        "hydraulics",
        "Is a {n} % impeller trim still worth it, or rather a drive?",
        "Pump in {site} runs at 61 % of its best point all year round.",
        (
            "+All year? Then trim. A drive earns its money when the load *moves*.",
            "*Trim, and write it on the name plate. Power goes with the third power of the diameter ratio "
            "in that range, so you get most of the saving for the price of an afternoon on the lathe.",
            "<Measured it: 17 % less power. The lathe operator wants a share.",
        ),
        ("energy", "curves"),
    ),
    Story(
        "question",
        "controls",
        "Como vocês testam firmware sem bomba na bancada?",
        "We have {n} boards and one bench in {site}, and everybody waits. (Respostas em inglês também!)",
        (
            "+A small model of pump and tank in Python, over Modbus TCP. Not pretty, but the boards cannot "
            "tell the difference.",
            "*Record a day of a real station and play it back. Our recorder writes every register with its "
            "time; the player feeds it to any number of boards. Nightly tests found eleven bugs in a "
            "month.",
            "<Perfeito. Recorder running, first replay tonight.",
            ">Tell us when it finds its first bug, we keep a list.",
        ),
        ("testing", "firmware"),
    ),
    Story(
        "question",
        "field",
        "Laser alignment: cold or hot?",
        "The manual for the {model} says cold with offsets, the old hands in {site} say hot. Who is right?",
        (
            "*Both, if you do it properly: align cold **with** the thermal offsets, then check hot after "
            "{n} hours and write down the difference. Next time you know your own offsets.",
            "+Old hand here. I check hot because the offsets in the manual are for steel frames, and half "
            "of ours stand on concrete.",
            "<That explains the difference we saw. Thanks, both of you.",
        ),
        ("alignment", "maintenance"),
    ),
    # -- updates ------------------------------------------------------------------------------------------
    Story(
        "update",
        "field",
        "",
        "Station in {site} is running! {n} days from first bolt to full flow, no lost-time incident. "
        "The night crew deserves the credit: they found a swapped phase before anybody had pressed a button.",
        (
            "+Fantastic. Who found the phase? That deserves a praise post.",
            "<Tenzin did, with the old phase tester everybody laughs about.",
            "+Parabéns a todos! Send photos for the newsletter, please.",
        ),
    ),
    Story(
        "update",
        "controls",
        "",
        "Firmware 4.{n} is on all test boards. New: the start ramp learns from the last ten starts. "
        "If you see a start longer than 8 s, tell me the serial number.",
        (
            "+Two boards in {site} take 9 s, both with the long cable. I send the logs.",
            "<Got them. It is the cable model, fixed in the next build. Thank you!",
        ),
        ("firmware",),
    ),
    Story(
        "update",
        "data",
        "",
        "The leak finder caught its first real one: {n} m³ a night in {site}, three streets from where "
        "everybody was looking. Pressure transients and a bit of patience.",
        (
            "+How long a window do you need?",
            "<Six quiet nights. Fewer, and the buses on the main road look like leaks.",
            "+Can I try it on our data? We have two years of it.",
            ">Please do, and tell us where it is wrong.",
        ),
        ("leaks",),
    ),
    Story(
        "update",
        "canteen",
        "",
        "Canteen in {site} has a new cook, and the dosa on Thursday is worth crossing the yard for.",
        (
            "+Jealous. We had potatoes. Again.",
            ">Potatoes are a food group here.",
            "+Feijoada aos sábados, everybody is invited.",
        ),
    ),
    Story(
        "update",
        "canteen",
        "",
        "Five-a-side on Friday, {site} against the rest of the world. We are {n} and need a goalkeeper.",
        (
            "+I have gloves and no talent.",
            "<You are in.",
            "+Cricket on Sunday for those who prefer to sit down now and then.",
        ),
    ),
    Story(
        "update",
        "safety",
        "",
        "Near miss in {site} yesterday: a hose clamp let go at {n} bar. Nobody was in the line because the "
        "barrier stood where it should. Ten minutes for a barrier, please, every time.",
        (
            "+Which clamp? We have four hundred of one kind from the same batch.",
            "<The narrow ones, batch on the band. Photo goes to quality today.",
            ">Quality here: batch is blocked, replacements ship tomorrow. Thank you for reporting it.",
        ),
        ("safety", "quality"),
    ),
    Story(
        "update",
        "hydraulics",
        "",
        "We measured the new impeller of the {model} on the bench in {site}: {n}.4 points better at part "
        "load than the drawing promised. The blade angle at the shroud is what did it.",
        (
            "+Is that with the rough casting or the polished one?",
            "<Rough! Polished comes next week.",
            "+Please share the raw data, I would like to feed the CFD model with it.",
        ),
        ("curves",),
    ),
    Story(
        "update",
        "field",
        "",
        "Lieferung aus {site} ist da: alle {n} Kisten, und zum ersten Mal liegen die Papiere obenauf. "
        "Wer immer das war: danke!",
        (
            "+That was Kavya's new packing list. She will be glad to read this.",
            "+It works in the other direction too, we tried it.",
        ),
        ("supply",),
    ),
    # -- ideas -----------------------------------------------------------------------------------------------
    Story(
        "idea",
        "ideas",
        "Lend out thermal cameras like library books",
        "Every site owns one, every site needs it {n} days a year, and always two at the same time. One list "
        "with who has it, one parcel service.",
        (
            "+We would give ours to the pool tomorrow.",
            "+Add the laser alignment set, same story.",
            "<Added. Let us start with two cameras between {site} and the neighbours.",
        ),
        ("tools",),
    ),
    Story(
        "idea",
        "ideas",
        "QR code on each pump that opens its history",
        "Serial number, test curve, every service visit. Today it takes {n} e-mails to find out who changed "
        "the seal in {site}.",
        (
            "+For new pumps it is one more label in the print job. I can do it in an afternoon.",
            "+For old ones: the service app could print one on the first visit.",
            "<Then let us try it with fifty new {model}.",
        ),
        ("service", "documentation"),
    ),
    Story(
        "idea",
        "ideas",
        "One hour a month: shadow a colleague in another country",
        "By video, in the middle of their real work. I learnt more from an hour in {site} than from a week "
        "of slides.",
        (
            "+I would show the bench on a bad day, gladly.",
            "+Two conditions: real work, and questions allowed.",
            ">And coffee.",
        ),
        ("learning",),
    ),
    Story(
        "idea",
        "ideas",
        "Ship seals and gaskets in returnable boxes",
        "We throw away {n} kg of foam a month in {site} alone. The boxes come back empty on the same truck.",
        (
            "+Supplier agrees if the boxes stack. They have a drawing.",
            "+Energy and waste go into the report; I can put a number on it by Friday.",
        ),
        ("sustainability", "supply"),
    ),
    # -- polls -------------------------------------------------------------------------------------------------
    Story(
        "poll",
        "news",
        "When should the town hall be, so that all three continents are awake?",
        "Times in UTC. Pick what you can live with; we take what hurts least.",
        (
            "+Anything but Monday, please.",
            "+11:30 is 17:00 in Pune and 08:30 in São Paulo. Perfect.",
        ),
        poll=("10:00", "11:30", "13:00", "14:30"),
    ),
    Story(
        "poll",
        "data",
        "Which language for the next notebook course?",
        "Two afternoons, recorded. Starts in {n} days.",
        ("+The examples in English, the talk in whatever the room speaks.",),
        poll=("English", "Deutsch", "Português", "हिन्दी"),
    ),
    Story(
        "poll",
        "canteen",
        "Name for the new meeting room in {site}",
        "The window looks at the test bench. Serious suggestions only (no).",
        ("+'Cavitation' is where ideas collapse.", ">And makes a lot of noise. Approved."),
        poll=("Cavitation", "Best Efficiency Point", "The Tank", "Room {n}"),
    ),
    # -- praise ------------------------------------------------------------------------------------------------
    Story(
        "praise",
        "field",
        "",
        "{n} degrees in the pump house, and the customer told me on the phone how calm you all were.",
        ("+Earned!", "+We should all learn that checklist of yours."),
        to="arjun.menon",
    ),
    Story(
        "praise",
        "controls",
        "",
        "You read my trace at eleven at night and found the one bit that was wrong. The customer in {site} "
        "will never know, I do.",
        ("+That is Mehmet as we know him.",),
        to="mehmet.yilmaz",
    ),
    Story(
        "praise",
        "hydraulics",
        "",
        "You explained NPSH to our new colleagues in {site} with a straw and a glass. They still talk about "
        "it.",
        ("+I want the straw lecture too!", "<Next Thursday, bring a glass."),
        to="camila.oliveira",
    ),
    # -- articles and papers ---------------------------------------------------------------------------------------
    Story(
        "article",
        "hydraulics",
        "What {n} broken bearings taught us",
        "We opened all bearings that came back from {site} last year.\n\n"
        "1. **Lubrication** was the cause in more than half, and mostly *too much* grease.\n"
        "2. **Alignment** came second. A check after the first hot day finds nearly all of it.\n"
        "3. **Currents** from drives were rare, and unmistakable: a washboard on the outer ring.\n\n"
        "So: grease by weight, not by feeling; check hot; earth the shaft where a drive is longer than "
        "50 m of cable away.",
        (
            "+By weight! We bought kitchen scales for every van, no joke.",
            "+The washboard picture should hang in each workshop.",
        ),
        ("bearings", "maintenance"),
    ),
    Story(
        "paper",
        "data",
        "Finding night-time leaks from pressure transients",
        "With the method, the data of {n} nights and where it fails.",
        (
            "+Section 4 is honest in a way I wish all papers were.",
            "+Would it work with one sensor per zone only?",
            "<Down to three, then it guesses. One is a future paper.",
        ),
        ("leaks", "time-series"),
        link="https://example.com/varuna/leaks",
    ),
    # -- announcements ---------------------------------------------------------------------------------------------
    Story(
        "announcement",
        "news",
        "New travel rule: rail before air below five hours",
        "From the first of next month, for all regions. Exceptions where there is no line; your team lead "
        "decides, without a form. Please confirm that you have read it.",
        (
            "+Does it count for the airport shuttle in {site} as well?",
            "<Yes: if there is a train, take it.",
        ),
        by="asha.rao",
    ),
    Story(
        "announcement",
        "safety",
        "Lock-out, tag-out: the short course is due",
        "Twenty minutes, on your phone. Nobody opens a coupling guard without it. Please confirm when you "
        "have read this.",
        ("+Done, and shorter than last year's. Thank you for that.",),
        by="larissa.santos",
    ),
)
"""Every kind of post is here; a test holds that, and that every name in it exists."""

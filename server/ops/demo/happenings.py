"""Scenes of everything but questions: updates, ideas, polls, praise, articles, announcements."""

from server.ops.demo.story import Story

HAPPENINGS = (
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

"""Scenes that begin with a question and mostly end with an accepted answer."""

from server.ops.demo.story import Story

QUESTIONS = (
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
)

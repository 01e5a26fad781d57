"""What is true in Tap, as plain values and plain functions.

- ``ids``         regions, lanes, epochs, event ids, cursors, object ids, places and channels
- ``events``      every fact the product knows, past tense, with its schema version and merge rule
- ``wire``        an event's header, body commitment and chain hash: bytes in, bytes out
- ``leads``       a lane whose newest events are held before those behind them
- ``commands``    every wish a person can state, imperative
- ``import_records``  what an import states, each about one object of another system
- ``facts``       what ``decide`` may ask about the current state
- ``decide``      decide(command, who, facts, context) -> events or a refusal
- ``tally``       what ballots add up to and what follows; ``cut`` which of them count
- ``merge``       who may write an event (I7)
- ``erasure``     what an erasure destroys: which events, which words
- ``visibility``  the only place that answers "may X see Y" (I12) and which channels an event is on
- ``residency``   what of an event may leave its region, in which lane (I8)
- ``scoring_policy``  what may be told of people's contributions, and ``may_show`` of whom
- ``media``       what a file is, by its first bytes
- ``limits``      every bound: a name, a unit, a reason
- ``durations``   minutes, hours, days and weeks in milliseconds
- ``errors``      stable codes with their HTTP status and a sentence a person understands

House rules: nothing here awaits, reads a clock, draws a random number or touches a driver. An event
is a full fact: whoever folds it needs no other event to have arrived first.
"""

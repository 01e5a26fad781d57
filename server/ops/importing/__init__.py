"""Bringing another network's history into Tap: read, convert, route, load (docs/howto/import.md).

    archive folder --convert--> import records --route--> home region --load--> POST /api/v1/import
    JSON Lines file ---read---> import records                        --load--> our own writer

- ``naming``         object ids and person ids from source ids: the same every time, without a look-up
- ``report``         what was read, made, skipped and why: nothing disappears without a line here
- ``texts``          what does not fit a bound is continued or named in the report, never cut in silence
- ``zulip``          channels, topics and messages of a chat
- ``stackexchange``  questions, answers, comments, votes and accepted answers
- ``files``          import files: JSON Lines, one record a line
- ``homes``          which region a person or community belongs to
- ``route``          which region a record must be written by (I7)
- ``archives``       which converter reads a folder, and the names it gives
- ``load``           batches to regions, with retries and a progress file
- ``offline``        batches to this machine's own database, without a running server
- ``command``        ``tap import``

House rules: everything streams, so memory holds ids and never texts. A record is about one object of
the other system and carries its source id for ever, so that importing twice changes nothing.
"""

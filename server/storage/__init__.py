"""Where things lie: tables, the event log, projections, queries, migrations.

- ``tables/``      every table once, for SQLite and PostgreSQL
- ``connection``   the writing connection; ``node`` whose database it is
- ``epochs``       the next incarnation of a log; ``extent`` how far it reached; ``forks`` lanes with two histories
- ``sql``          Core constructs compiled once per dialect; ``Tx``, the writer's synchronous transaction
- ``facts``        answers ``decide``'s questions inside the writer's transaction; ``async_facts`` a reader's,
  ``poll_facts`` how far the closing of a poll has come, ``case_facts`` cases about credits and the lines they are about
  ``post_facts`` posts and in which lanes they lie, ``score_facts`` policies, choices and what is published,
  ``reports`` what readers reported and how far the answer goes
- ``log_writer``   appending own events, storing foreign ones; ``event_log``: reading records, channels and lanes
- ``leads``        lanes of which fresh events are here before those behind them
- ``erasing``      destroying bodies in the log; ``residue`` what SQLite's pages still hold of them
- ``projections/`` the folds of the log into tables, one file per subject
- ``reader``       read transactions for everybody else, over aiosqlite or psycopg; ``loading`` some of them in
  one turn of a thread, ``letters`` small ones of every alphabet
- ``queries``      what pages and syncs read
- ``media_files``  the bytes of files, by their hash
- ``migrate``, ``rebuild``, ``digest``  schema revisions, re-folding the log, comparing nodes; ``vocabulary`` what an
  upgrade can read more of

One thread writes (app/handle), on one synchronous connection; everybody else reads snapshots.
"""

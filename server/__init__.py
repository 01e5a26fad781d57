"""Tap: a company's internal social network as federated regional servers.

The map, and the one import rule (an arrow reads "may import"):

    ops -> {api, realtime, federation} -> app -> storage -> domain        app -> scoring

- ``domain``      what is true: ids, events, commands, decide, merge, visibility, limits, errors. Pure.
- ``scoring``     the contribution-scoring module; imports nothing of ours, usable alone. Pure.
- ``storage``     tables, the event log, projections (folds of the log into tables), queries, migrations.
- ``app``         use cases: ``handle`` (the one writer, group commit), ``tap`` (ordered cursors), ``sync``.
- ``realtime``    live clients: frames, session (sans-I/O), hub, ring. ``connection.py`` does the I/O.
- ``federation``  peers: frames, lanes, trust, link (sans-I/O). ``links.py`` does the I/O.
- ``api``         HTTP under /api/v1 on Starlette, one file per resource.
- ``ops``         config, composition root, command line, metrics, doctor.

The three in braces never import each other. Pure means: no coroutine, no clock, no randomness, no
socket, no driver; time comes in as ``now`` and effects go out as values. import-linter contracts and
``tests/architecture`` hold both rules.

One idea carries all of it: *the log is the truth; everything else is a fold of it*. A command is
decided against current state, becomes events, is committed, and only then is anyone told. Every
reader is a cursor into the log and pulls.
"""

__version__ = "0.1.0"

"""Every read, named: one read transaction per answer, so that its cursor is true for all of it (I3).

- ``shapes``    what comes out, as the API shows it
- ``people``    the directory: by id, by words, one person's roles
- ``places``    communities, memberships, conversations, and which of them are a person's own
- ``listing``   which posts, in which order: feed, place, thread, author; bounded pages
- ``posts``     the posts themselves with counters, tallies and the reader's own marks
- ``values``    conflated values: counters and tallies, by id and changed since a position
- ``polls``     tallies, closings and results of polls
- ``media``     files: where a person may see one, which region may have one, what is kept
- ``lanes``     every lane this node holds, for its operator
- ``erasures``  erasure requests with their receipts, and what this region owes
- ``scoring``   policies and choices of what is told of people's contributions
- ``cases``     cases about credits, and the disputes about ledger lines
- ``views``     ledgers by page, boards, leaders' months, figures about groups
- ``records``   topics, history, reports, the ledger

House rules:

1. Nothing here decides who may see what: callers ask ``domain/visibility`` on ``LoadedFacts`` (I12),
   and hand in only ids and places it allowed.
2. Every list has a limit, and its next page is found by key, not by offset.
3. Statements are built once, at import; lists of ids are expanding parameters.
"""

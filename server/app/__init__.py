"""Use cases: the glue between rules and edges; async, but no sockets and no SQL of its own.

- ``handle``   the one writer: what each kind of job does; ``unanswered``: what was asked elsewhere in vain
- ``group_commit``  the writer's thread: all waiting jobs in one transaction, answers after the commit
- ``incarnations``  what a restored log may write, and how it learns that it lost something
- ``tap``      what was committed, in order: an in-memory tail, the log behind it, and "the log moved"
- ``sync``     first load (snapshot) and catching up (events since a cursor) for every kind of client
- ``news``     who waits for something on channels: long polls
- ``together`` questions that are asked at the same time share one read
- ``auth``     accounts, sessions, device tokens: who is calling; with ``passwords`` and ``attempts``
- ``addresses``  as whom callers are counted
- ``credentials``  the secret a request brings along
- ``scores``   the scoring consumer: tap -> scoring module -> ledger lines; with ``score_acts`` (what events
  come to, in ``score_rows``), ``score_parts`` (acts of two events, rulings), ``score_welcome`` (newcomers),
  ``score_changes``, ``score_anew`` (lines worked out anew), ``score_desk`` and ``score_store``;
  ``score_rules``: the rules in words, and what-if; ``score_acts_file``: all acts, to replay elsewhere
- ``score_public``  what follows from the lanes every region holds: ledgers as any region computes them,
  on a ``public_mirror``
- ``publishing``  what of them is published: standings and roots; ``score_audit`` what others published,
  with ``score_erased``: whose ledger an erasure since may have touched
- ``score_retention``  after how long a ledger line no longer says what it was about
- ``ring_watch``  once a day: circles of thanks for people to look at; ``cases``: how those and disputed lines
  are read, and who is told
- ``experts``  the consumer that keeps who knows: tap -> ``expert_touches`` (where to look again) ->
  ``expert_threads`` (what is there) -> rows in ``expert_store``; ``expert_pages`` reads them for people,
  with ``expert_milestones`` and ``working_hours``
- ``views``    boards, how leaders answer, figures about groups, drawn from time to time; with ``views_merits``,
  ``views_leaders``, ``views_place`` and ``views_store``; what is shown of it: ``boards``, ``leader``,
  ``recognition``, and of one's own ledger ``impact`` and ``ledger_export``
- ``polls``    what this region owes a poll that ends, and when to ask
- ``erasure``  this region's receipts for erasures, once nothing of the words is left
- ``moves``    people who move between regions: what this node does of it; ``luggage``: what travels
- ``media``    files: taken in, handed out, fetched from other regions, deleted; with ``flights`` (one fetch of a file
  at a time), ``media_rows`` (what the writer does), ``media_strays`` (files without a row) and ``pictures`` (their
  thumbnails)
- ``succession``  what this region's log says of its keys and of its end
- ``cloudevents``  a committed event as other systems read it; ``naming`` whom they read about, ``feed`` what one
  of them is shown
- ``webhooks`` events sent to other systems: what an operator sets, with ``webhook_worker`` (one at work),
  ``webhook_steps`` (when to try again, pure), ``webhook_signature`` and ``webhook_store``
- ``sealing``  secrets that must be said again, and the keys of pseudonyms
- ``housekeeping``  client keys and sessions that are out of date
- ``operator_proof``  whether a request was signed with the node's own key
- ``peer_proof``  whether a request was signed with the key of another region
- ``origin``   whose page a browser was on
- ``audiences``  where people are at home, and which regions may hear what is typed in a place
- ``residency``  what left this region on a day, and whether it was allowed to
- ``schemas``  JSON Schemas as the generated documents hold them
- ``metrics``  every counter, gauge and histogram, declared once
"""

"""Peers: how one region's log reaches the others, gap-free, in order, and only where it may go.

The wire is specified in docs/protocol/federation.md; code and tests cite its sections. Read in this
order:

- ``frames``      the twelve frames, bytes in and out; malformed input becomes ``Refused``
- ``lanes``       which lanes a peer may receive (``visibility`` decides, I8), vectors, whose turn it is
- ``trust``       keys, signed heads, proofs, and the one gate for foreign events: ``verify_batch``; ``ends``: up to
  where a key vouches
- ``forks``       the proof that an origin signed two histories
- ``rosters``     the signed roster: who may change it; ``membership``: what links are kept by it, now and after a change
- ``handshake``   one connection proving both ends
- ``steps``       what a link is told and what it asks for: inputs, effects, states, the transition table
- ``link``        the machine of one peer: connections (``guests`` until proven), states, time (``pauses``)
- ``flow``        what runs over its proven connection: ``serving`` (what the peer wants of us, and what to send it
  next: ``tracks``, ``window``, ``outbox``) and ``intake`` (what it sends us: verified, queued, applied, acknowledged; with
  ``leading``: the newest first, where much is missing)
- ``catchup``     a ready page (``packing`` compresses it), and what a peer has not acknowledged
- ``ledger``      what a link remembers between connections; ``deadlines`` its timer; ``status`` for operators
- ``ephemeral``   who is there and who types, over the connection of the moment (EPHEM); ``presence`` what of it a link keeps
- ``asking``      commands for another region to decide (ASK, TOLD)
- ``relay``       one per node: which peer is asked for an origin that is out of reach
- ``recovery``    one per node: when a restored one may show what it holds
- ``links``       the edge: tasks and the clock, one ``peers`` entry per peer; with ``connection`` (one socket),
  ``dialled`` (opening one), ``polled`` and ``polling`` (both ends of one by long polls), ``reception`` (who comes in),
  ``talks`` (one from its beginning to its end), ``telling`` (when links hear that lanes moved), ``desk`` (the log and
  the writer), ``pages`` (reading the log), ``questions`` (who waits for which answer), ``fetching`` (files of posts),
  ``onlookers`` (the live layer). Only these wait. ``meters`` counts what passes, and ``gauges`` shows collectors what the
  links say of themselves.

The shape of a link. The receiver drives: it says which events of which origin it holds (WANT) and
how many bytes may be under way (credit); the sender streams batches; the receiver acknowledges only
what its own commit has made durable (I1). A sender keeps nothing per peer but a few numbers: the log
is the outbox, so a day of silence costs a peer no memory and its return is the normal case.

::

    their log --LoadPage--> BATCH --> verify --> Apply --> their commit is ours --> ACK
                 ^                                                                   |
                 +---- credit: bytes sent and not acknowledged stay below it  <------+

House rules:

1. Everything but the edge is pure: ``now`` (UTC milliseconds) and chance come in, effects go out.
2. Nothing is applied that ``verify_batch`` has not returned; nothing is sent that ``Reach`` has not
   allowed; nothing is acknowledged that is not committed.
3. A fault closes the connection, never the link: it backs off, dials again and says why. Only a lane
   whose origin signed two histories (``fork``) is left out, on every link, and the proof is passed on.
4. Nobody unproven changes the state of a link: an inbound connection is a guest until it has proven
   its key.
"""

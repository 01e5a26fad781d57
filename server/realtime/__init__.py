"""Live clients: one cursor per connection, ready frames, and catching up as the normal case.

- ``frames``     what clients and the node say to each other, in both encodings; ready frames, one per form
- ``forms``      the frame of one event or value in each form, made once for all who read it
- ``asyncapi``   the frames as JSON Schemas and an AsyncAPI document, for programs
- ``ring``       the newest events by channel, with their ready frames: what a resume is served from
- ``values``     counters and tallies: the latest of each, sent at a bounded rate
- ``presence``   who is typing, and who is there
- ``hub``        which live connection hears which channel; one buffer per connection and commit batch
- ``joining``    that buffer, made once for all who are owed the same
- ``present``    what presence knows, on its way into the hub
- ``abroad``     people of other regions whom people here look at, and the other way round
- ``effects``    what a session is told and what it asks for: two closed sets
- ``states``     a session's named states, and the literal table of moves between them
- ``interest``   what one connection hears, and from which position on
- ``reading``    how one connection follows the log: page by page, then live
- ``watching``   what it chooses to follow: watch, replay, rewind
- ``session``    one connection's protocol, sans-I/O: frames and results in, effects out
- ``replies``    the frames it answers with
- ``buckets``    how often somebody may do something
- ``wheel``      every connection's next deadline, on one timer
- ``handshake``  what an upgrade request says: encoding and address; plain ones read at once
- ``permits``    who may hear what, remembered until an event changes it
- ``loads``      what sessions wait for: who may hear what, pages of the log
- ``refresh``    conflated values on their way
- ``signing``    who is connected, and whether they may still be
- ``measures``   what is measured of all this
- ``workers``    run what must be awaited
- ``gateway``    the composition of all of it with the node: workers, the timer, the fan-out's slices
- ``outlet``     the way out of one connection: a system call a write, while the reader keeps up
- ``connection`` one client's connection, whatever it came over: back-pressure, deadlines, its session
- ``wire``       the websocket below messages: plain frames read at once, websockets' parser, permessage-deflate
- ``websocket``  such a connection over a websocket
- ``streams``    such a connection as server-sent events, and what their clients say by POST

The path of an event: the writer commits, the tap calls the gateway, ``Hub.publish`` takes the records,
``Hub.fan_out`` puts them into the ring and works out who is owed what, and the gateway writes one ready
buffer per connection, slice by slice. The path of a frame: bytes, ``frames.decode``, ``Session.receive``,
effects, performed in order by the connection. What must be awaited (who is this, what may they hear, a
page of the log) is done by workers, a command by a task of its own, and the result comes back to the
session as an input.

House rules:

1. A connection is in the hub exactly while its session is LIVE. Then everything up to the hub's
   position has been written to it or is owed to it by the running fan-out. In every other state the
   session alone knows how far it got (``sent``) and pulls from there: from the ring, else from the log.
   So a slow reader, a sleeping device, a resume, a joined channel and a lost permission are one
   mechanism, and nothing is ever queued per connection (I3, I9).
2. No task, queue or timer object per connection. The gateway owns one worker set and one timer.
3. Reading stops while writing is stopped: whoever does not read our answers cannot ask for more.
4. An answer that no longer fits (a page asked for before the connection fell behind) carries an old
   ticket and is dropped. That is ordinary, not an error.
5. Permission is decided by ``domain.visibility`` on facts loaded at a position. An event that changes
   what its readers may hear (``turns``) ends what they get at its own position; they go on from there
   with freshly loaded interests (I12).

Section numbers in comments are those of docs/protocol/client.md.
"""

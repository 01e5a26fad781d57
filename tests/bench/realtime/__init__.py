"""The live layer measured against a physical floor and against peers, on two cores of this machine.

    make bench-realtime                                   # everything, below ten minutes
    python -m tests.bench.realtime --quick fanout_1000    # shorter runs of the named figures

The server has core 0 to itself, the load core 1; everything is on loopback. A delivery is one event that
one client read from its socket, counted inside frames, so that batching hides none. CPU is the run time
of the server's processes (their CPU clocks), publishing included, what the same
server spends idle taken off. On loopback that includes the receiver's half of TCP, for everybody equally.

- ``floor.c``, ``load.c`` (with ``clients.h``, ``words.h``, ``tls.h``, ``wire.h``)  the floor and the load,
  compiled into ``.bench`` when a figure first needs them
- ``load``        drives ``load.c``
- ``processes``   servers as processes on their core, and what they spend
- ``company``     a node's people, places and tokens, written once and kept in ``.bench``
- ``node``        Tap under test: a real process, the whole path from a command to the socket
- ``peers``       the floor and other servers, each in its own words
- ``stage``       one node for all figures of a run
- ``fanout``, ``holding``, ``crowds``, ``tls``   the figures
"""

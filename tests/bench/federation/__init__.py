"""What the links between regions cost and how far behind they are, over a line of 250 ms there and back.

Each region is a process of its own with log, writer, folds and links, but no clients; a ``Cable`` of the tests is the
line between them. Moments are the machine's one monotonic clock: from the turn of the origin's loop that hears of its
commit until the turn in which the other region's loop hears of that commit.

- ``live``         lag of fresh events at 200 a second, on an idle link and while another lane catches up; the floor
  beside it are bare moments sent over the same line
- ``catch_up``     a backlog over one link; the origin's and the receiver's CPU. ``--full``: a day's 1.2 million events
- ``extra_peer``   what a peer more costs an origin that writes 200 events a second; the peers verify and store nothing
- ``reconnect``    twenty peers of a region that was away for 30 s: from its start until each link is live
"""

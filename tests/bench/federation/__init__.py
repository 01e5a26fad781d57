"""What the links between regions cost and how far behind they are, over a line of 250 ms there and back.

Each region is a process of its own with log, writer, folds and links, but no clients; a ``Cable`` of the tests is the
line between them. Moments are the machine's one monotonic clock: from the turn of the origin's loop that hears of its
commit until the turn in which the other region's loop hears of that commit.

- ``live``         lag of fresh events at 200 a second, on an idle link and while another lane catches up; the floor
  beside it are bare moments sent over the same line
- ``catch_up``     a backlog over one link; the origin's and the receiver's CPU. ``--full``: a day's 1.2 million events
- ``extra_peer``   what a peer more costs an origin that writes 200 events a second; the peers verify and store nothing
- ``reconnect``    twenty peers of a region that was away for 30 s: from its start until each link is live
- ``restore``      an older copy of a region's disk is put back: until its people may write, until its lost tail is back
- ``fork``         the same without anybody noticing: until a peer has proven that there are two histories
- ``rotation``     another key signs in the middle of a backlog: what the peer refused
- ``orphans``      a reply came before its parent: from the parent's arrival until both are read in one thread
- ``presence_storm``  30,000 people flip at once beside 200 events a second: its share of the bytes, and their lag
- ``erasure``      five real nodes: from the wish until the last region's receipt is there; no delay on the line
"""

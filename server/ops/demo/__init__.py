"""``tap demo``: a made-up company in three countries, on three real nodes, that keeps talking.

- ``company``   its regions, people and communities
- ``story``     what a scene is; ``questions`` and ``happenings`` hold them, ``stories`` all of them
- ``conversations``  direct messages
- ``director``  which line of which scene comes next, decided by a seed and without any input or output
- ``past``      the months before in one region; ``past_lines``: what was asked and answered then
- ``memory``    how that past is lived through on a stopped node
- ``enrolment``  how somebody of the company becomes somebody of a node
- ``founding``  people, roles, passwords and tokens; made once and kept
- ``nodes``     the nodes as processes: started, watched, ended; also what end-to-end tests use
- ``stage``     people signed in through the SDK, saying the director's lines
- ``command``   ``tap demo`` itself

Everything in it is invented. The nodes are ordinary ones, federated over loopback; nothing in the
server knows the demo but a flag that lets the client say so.
"""

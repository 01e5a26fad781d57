"""The verbs of ``tap``: one module each, holding one ``command``; ``ops/cli.py`` is their list.

A verb that writes takes the node's lock first, so it never meets a running server (``offline``); one that
only reads works beside it. ``shared`` has what they have in common.
"""

"""The verbs of ``tap``: one module each, holding one ``command``; ``ops/cli.py`` is their list.

A verb that reads or writes the node's database takes the node's lock first, so it never meets a
running server; ``shared`` has what they have in common.
"""

"""A region's node as another team would write it from docs/protocol/federation.md, and from nothing else.

It keeps its log in memory and holds one link at a time; ``Link.step`` reads one frame and does what is to be done. What
is sent to it is verified; what is wrong raises Refused. Nothing of this repository is imported.
"""

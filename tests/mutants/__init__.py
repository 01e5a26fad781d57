"""Small lies told to the protocol, one at a time: each must be caught by a test.

``python -m tests.mutants`` tells them all and prints who caught which; ``test_mutants`` a sample, other ones in
every run. A mutant is data: the file, the text to find and to put, and the promise it breaks, in
``trusting`` (keys, proofs, chains, forks), ``receiving`` and ``sending``, ``belonging`` (keys that follow and end),
``leading`` (the newest first) and ``voting`` (polls, people who move).
"""

"""What scoring costs: one event more, and everything anew (``python -m tests.bench.scoring``).

- ``made``         a company's acts over years, by number and seed
- ``recompute``    every ledger of a million acts on one core
- ``incremental``  one event more, with a hundred thousand and with ten million before it
- ``consumer``     the same at a node, from the tap to the committed line
- ``people``       whom to ask, and people's records, among 30,000
- ``boards``       boards, leaders' pages and one's own impact, likewise
- ``pages``        how a page is timed
- ``__main__``     runs them
"""

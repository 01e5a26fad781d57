"""What scoring costs: one event more, and everything anew (``python -m tests.bench.scoring``).

- ``made``         a company's acts over years, by number and seed
- ``recompute``    every ledger of a million acts on one core
- ``incremental``  one event more, with a hundred thousand and with ten million before it
- ``people``       whom to ask, and people's records, among 30,000
- ``boards``       boards, leaders' pages and one's own impact, likewise
- ``__main__``     runs them
"""

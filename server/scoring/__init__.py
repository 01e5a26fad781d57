"""What people's contributions were worth to others: a pure function of (acts, rules, day) (I10).

Usable alone: nothing of ours is imported, only the standard library, and every number is an integer.

    acts ──current──► judgements that stand ──credits──► one per (giver, content)
                                                             │ pair, unit, mutual, border (rules.py)
                                                             ▼
                          Ledger ◄──standing, level──── ledger lines ──explain──► plain sentences

- ``model``    Act, Factor, Line, Ledger: what goes in and what comes out
- ``rules``    versioned rules from a TOML file: weights, tables, thresholds, effective day
- ``credits``  from acts to credits: who stands credited with what, before any factor
- ``score``    acts to lines to a ledger; ``local`` the same for some authors' quarters only
- ``running``  ledgers kept up to date in memory: one content more costs what it changes
- ``following``  the same for whoever has a stream of acts and no store
- ``caps``     what a daily cap takes off, where rules have one
- ``topics``   standing by topic; ``roots`` one hash over many ledgers, and where two differ
- ``explain``  a line's factors in sentences; who is named and who is "a colleague"
- ``page``     the rules as people read them
- ``whatif``   a new version beside the ones in force: who moves, by how much and why
- ``knowledge``  the rules of who knows and whose work is used, from the same file
- ``experts``  who knows about a topic: answers beside the others to the same questions
- ``influence``  how widely somebody's work is used; ``milestones``  how people built what they have
- ``rings``    circles whose thanks mostly stay among themselves, for people to look at
- ``anonymity``  which figures about groups may be shown; ``disclosure``: what those shown would give away
- ``periods``    the fixed months and quarters that views are about
- ``merits``   credits by community, topic and period: boards and nominations
- ``bands``    where a standing lies among a region's, in bands of the upper half
- ``leading``  how leaders answer, beside quartiles of peers; ``working_time``: how long somebody waited
- ``python -m server.scoring replay acts.jsonl --day 2026-03-31`` prints ledgers, ``follow -`` what each act changes

The acts are a *set*: a union of sets is the merge, duplicates vanish by id, and an act is taken back by
another act of the same register with a higher ``rev``. So arrival order, repeats and the number of
nodes change nothing. docs/scoring.md has the rules in words and where they come from.
"""

"""Who wants to know of changes, and how they learn of them: PostgreSQL's notifications, told on within the process.

A commit says which profiles it touched (`changes`); one connection a process listens (`hub`), and wakes those who wait
(`watch`). Nobody is told what changed: who is woken reads again, with what it may see.
"""

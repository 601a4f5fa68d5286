"""The audit trail: who did what, one line each, chained so that no line can be changed, taken out or moved unseen.

docs/audit.md says what a line holds, how to check it by hand, and what the trail does not prove.
"""

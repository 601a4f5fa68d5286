"""Where a session outlives its process, or is one for many: engines behind one door, and what they are given, sealed.

`store.py` is the door, `slot.py` the rules that every engine keeps, `sealed.py` and `entry.py` what travels through it;
the engines are `memory.py`, `file.py` and `redis.py`, and `watched.py` bounds how long any of them may take.
"""

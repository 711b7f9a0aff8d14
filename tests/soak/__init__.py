"""The soak: a site under load and under every kind of fault at once, for as long as wanted.

``python -m tests.soak --minutes 60 --seed 7``. What strikes when is a function of these two numbers alone; the
clouds' own records judge.
"""

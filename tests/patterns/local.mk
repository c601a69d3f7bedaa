# Pattern cases: see the head of tests/patterns/cases.py. Added once the program exists:
# TESTS += tests/patterns/cases.py
EXTRA_DIST += tests/patterns/cases.py

# Pattern cases: see the head of tests/patterns/cases.py. A case is a folder; nothing here names it.
TESTS += tests/patterns/cases.py
EXTRA_DIST += tests/patterns/cases.py tests/patterns/cases

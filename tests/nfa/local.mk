# Tests of nfa: see tests/local.mk for how to add one.

# Tests of state: see tests/local.mk for how to add one.

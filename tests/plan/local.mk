# Tests of plan: see tests/local.mk for how to add one.

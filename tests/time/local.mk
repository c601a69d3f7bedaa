# Tests of time: see tests/local.mk for how to add one.

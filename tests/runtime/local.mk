# Tests of runtime: see tests/local.mk for how to add one.

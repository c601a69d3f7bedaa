# Tests of base: see tests/local.mk for how to add one.

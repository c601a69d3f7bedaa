# Tests of expr: see tests/local.mk for how to add one.

# Tests of dsl: see tests/local.mk for how to add one.

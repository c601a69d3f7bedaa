# Tests of patterns: see tests/local.mk for how to add one.

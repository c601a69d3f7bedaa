# Tests of event: see tests/local.mk for how to add one.

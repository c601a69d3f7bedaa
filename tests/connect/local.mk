# Tests of connect: see tests/local.mk for how to add one.

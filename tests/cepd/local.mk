# Tests of cepd: see tests/local.mk for how to add one.

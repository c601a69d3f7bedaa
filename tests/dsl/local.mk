# Tests of dsl: see tests/local.mk for how to add one.
check_PROGRAMS += tests/dsl/dsl_compile_test
tests_dsl_dsl_compile_test_SOURCES = tests/dsl/dsl_compile_test.c tests/dsl/dsl_test_catalog.h
tests_dsl_dsl_compile_test_LDADD = $(DSL_TEST_LIBS)
EXTRA_DIST += tests/dsl/mistakes tests/dsl/plans

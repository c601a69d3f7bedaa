# Tests of dsl: see tests/local.mk for how to add one.
check_PROGRAMS += tests/dsl/dsl_compile_test
tests_dsl_dsl_compile_test_SOURCES = tests/dsl/dsl_compile_test.c tests/dsl/dsl_test_catalog.h
tests_dsl_dsl_compile_test_LDADD = $(DSL_TEST_LIBS)
EXTRA_DIST += tests/dsl/mistakes tests/dsl/plans

DSL_TEST_KIT = tests/dsl/dsl_kit.c tests/dsl/dsl_kit.h
check_PROGRAMS += tests/dsl/golden_test
tests_dsl_golden_test_SOURCES = tests/dsl/golden_test.c $(DSL_TEST_KIT)
tests_dsl_golden_test_LDADD = $(DSL_TEST_LIBS)
check_PROGRAMS += tests/dsl/dsl_parse_test
tests_dsl_dsl_parse_test_SOURCES = tests/dsl/dsl_parse_test.c $(DSL_TEST_KIT)
tests_dsl_dsl_parse_test_LDADD = $(DSL_TEST_LIBS)
check_PROGRAMS += tests/dsl/dsl_diag_test
tests_dsl_dsl_diag_test_SOURCES = tests/dsl/dsl_diag_test.c $(DSL_TEST_KIT)
tests_dsl_dsl_diag_test_LDADD = $(DSL_TEST_LIBS)
EXTRA_DIST += tests/dsl/trees tests/dsl/layouts
check_PROGRAMS += tests/dsl/doc_test
tests_dsl_doc_test_SOURCES = tests/dsl/doc_test.c $(DSL_TEST_KIT)
tests_dsl_doc_test_LDADD = $(DSL_TEST_LIBS)

check_PROGRAMS += tests/expr/expr_build_test
tests_expr_expr_build_test_SOURCES = tests/expr/expr_build_test.c tests/expr/expr_test_util.h
tests_expr_expr_build_test_LDADD = $(EXPR_TEST_LIBS)

check_PROGRAMS += tests/expr/expr_build_test
tests_expr_expr_build_test_SOURCES = tests/expr/expr_build_test.c tests/expr/expr_test_util.h
tests_expr_expr_build_test_LDADD = $(EXPR_TEST_LIBS)

# Function families and aggregates.
check_PROGRAMS += tests/expr/func_math_test
tests_expr_func_math_test_SOURCES = tests/expr/func_math_test.c tests/expr/func_test_util.h
tests_expr_func_math_test_LDADD = $(EXPR_TEST_LIBS)
check_PROGRAMS += tests/expr/func_string_test
tests_expr_func_string_test_LDADD = $(EXPR_TEST_LIBS)

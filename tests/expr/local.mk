check_PROGRAMS += tests/expr/expr_build_test
tests_expr_expr_build_test_SOURCES = tests/expr/expr_build_test.c tests/expr/expr_test_util.h
tests_expr_expr_build_test_LDADD = $(EXPR_TEST_LIBS)

# Function families and aggregates.
check_PROGRAMS += tests/expr/func_math_test
tests_expr_func_math_test_SOURCES = tests/expr/func_math_test.c tests/expr/func_test_util.h
tests_expr_func_math_test_LDADD = $(EXPR_TEST_LIBS)
check_PROGRAMS += tests/expr/func_time_test
tests_expr_func_time_test_LDADD = $(EXPR_TEST_LIBS)
check_PROGRAMS += tests/expr/func_data_test
tests_expr_func_data_test_LDADD = $(EXPR_TEST_LIBS)
check_PROGRAMS += tests/expr/func_string_test
tests_expr_func_string_test_LDADD = $(EXPR_TEST_LIBS)
check_PROGRAMS += tests/expr/expr_vec_test
tests_expr_expr_vec_test_SOURCES = tests/expr/expr_vec_test.c tests/expr/expr_test_util.h
tests_expr_expr_vec_test_LDADD = $(EXPR_TEST_LIBS)
check_PROGRAMS += tests/expr/func_regex_test
tests_expr_func_regex_test_LDADD = $(EXPR_TEST_LIBS)
check_PROGRAMS += tests/expr/expr_eval_test
tests_expr_expr_eval_test_SOURCES = tests/expr/expr_eval_test.c tests/expr/expr_test_util.h
tests_expr_expr_eval_test_LDADD = $(EXPR_TEST_LIBS)
check_PROGRAMS += tests/expr/expr_decimal_test
tests_expr_expr_decimal_test_LDADD = $(EXPR_TEST_LIBS)

# Tests of plan: see tests/local.mk for how to add one.
check_PROGRAMS += tests/plan/plan_test
tests_plan_plan_test_LDADD = $(PLAN_TEST_LIBS)

check_PROGRAMS += tests/runtime/rt_life_test
tests_runtime_rt_life_test_LDADD = $(RT_TEST_LIBS)

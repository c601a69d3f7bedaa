check_PROGRAMS += tests/runtime/rt_life_test
tests_runtime_rt_life_test_LDADD = $(RT_TEST_LIBS)
check_PROGRAMS += tests/runtime/rt_op_test
tests_runtime_rt_op_test_LDADD = $(RT_TEST_LIBS)

# Programs from text: these link the front end too.
RT_KIT = tests/runtime/rt_kit.c tests/runtime/rt_kit.h
RT_KIT_LIBS = libdsl.la $(RT_TEST_LIBS)
check_PROGRAMS += tests/runtime/rt_source_test
tests_runtime_rt_source_test_SOURCES = tests/runtime/rt_source_test.c $(RT_KIT)
tests_runtime_rt_source_test_LDADD = $(RT_KIT_LIBS)
check_PROGRAMS += tests/runtime/rt_select_test
tests_runtime_rt_select_test_SOURCES = tests/runtime/rt_select_test.c $(RT_KIT)
tests_runtime_rt_select_test_LDADD = $(RT_KIT_LIBS)
check_PROGRAMS += tests/runtime/rt_alert_test
tests_runtime_rt_alert_test_SOURCES = tests/runtime/rt_alert_test.c $(RT_KIT)
tests_runtime_rt_alert_test_LDADD = $(RT_KIT_LIBS)
check_PROGRAMS += tests/runtime/rt_job_test
tests_runtime_rt_job_test_SOURCES = tests/runtime/rt_job_test.c $(RT_KIT)
tests_runtime_rt_job_test_LDADD = $(RT_KIT_LIBS)
check_PROGRAMS += tests/runtime/rt_parallel_test
tests_runtime_rt_parallel_test_SOURCES = tests/runtime/rt_parallel_test.c $(RT_KIT)
tests_runtime_rt_parallel_test_LDADD = $(RT_KIT_LIBS)
THREAD_TESTS += tests/runtime/rt_parallel_test
check_PROGRAMS += tests/runtime/rt_ring_test
tests_runtime_rt_ring_test_LDADD = $(RT_TEST_LIBS)
THREAD_TESTS += tests/runtime/rt_ring_test

# Tests of cepd: see tests/local.mk for how to add one.
check_PROGRAMS += tests/cepd/cmd_args_test
tests_cepd_cmd_args_test_SOURCES = tests/cepd/cmd_args_test.c tests/cepd/cmd_test_util.h
tests_cepd_cmd_args_test_LDADD = $(CEPD_TEST_LIBS)
check_PROGRAMS += tests/cepd/cmd_config_test
tests_cepd_cmd_config_test_SOURCES = tests/cepd/cmd_config_test.c tests/cepd/cmd_test_util.h
tests_cepd_cmd_config_test_LDADD = $(CEPD_TEST_LIBS)
check_PROGRAMS += tests/cepd/cmd_log_test
tests_cepd_cmd_log_test_SOURCES = tests/cepd/cmd_log_test.c tests/cepd/cmd_test_util.h
tests_cepd_cmd_log_test_LDADD = $(CEPD_TEST_LIBS)

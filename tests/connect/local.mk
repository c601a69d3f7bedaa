# Tests of connect: see tests/local.mk for how to add one.
CON_KIT = tests/connect/con_check.h tests/connect/con_kit.c tests/connect/con_kit.h
check_PROGRAMS += tests/connect/con_csv_test
tests_connect_con_csv_test_SOURCES = tests/connect/con_csv_test.c $(CON_KIT)
tests_connect_con_csv_test_LDADD = $(CON_TEST_LIBS)
check_PROGRAMS += tests/connect/con_json_test
tests_connect_con_json_test_SOURCES = tests/connect/con_json_test.c $(CON_KIT)
tests_connect_con_json_test_LDADD = $(CON_TEST_LIBS)
check_PROGRAMS += tests/connect/con_text_test
tests_connect_con_text_test_SOURCES = tests/connect/con_text_test.c $(CON_KIT)
tests_connect_con_text_test_LDADD = $(CON_TEST_LIBS)

# Tests of connect: see tests/local.mk for how to add one.
CON_KIT = tests/connect/con_check.h tests/connect/con_kit.c tests/connect/con_kit.h
check_PROGRAMS += tests/connect/con_commit_test
tests_connect_con_commit_test_SOURCES = tests/connect/con_commit_test.c $(CON_KIT)
tests_connect_con_commit_test_LDADD = $(CON_TEST_LIBS)
# Its own versions of these calls may fail.
tests_connect_con_commit_test_LDFLAGS = -Wl,--wrap=write,--wrap=fdatasync,--wrap=fsync,--wrap=ftruncate \
	-Wl,--wrap=rename,--wrap=renameat2,--wrap=unlink
check_PROGRAMS += tests/connect/con_csv_test
tests_connect_con_csv_test_SOURCES = tests/connect/con_csv_test.c $(CON_KIT)
tests_connect_con_csv_test_LDADD = $(CON_TEST_LIBS)
check_PROGRAMS += tests/connect/con_file_test
tests_connect_con_file_test_SOURCES = tests/connect/con_file_test.c $(CON_KIT)
tests_connect_con_file_test_LDADD = $(CON_TEST_LIBS)
check_PROGRAMS += tests/connect/con_generate_test
tests_connect_con_generate_test_SOURCES = tests/connect/con_generate_test.c $(CON_KIT)
tests_connect_con_generate_test_LDADD = $(CON_TEST_LIBS)
check_PROGRAMS += tests/connect/con_json_test
tests_connect_con_json_test_SOURCES = tests/connect/con_json_test.c $(CON_KIT)
tests_connect_con_json_test_LDADD = $(CON_TEST_LIBS)
check_PROGRAMS += tests/connect/con_net_test
tests_connect_con_net_test_SOURCES = tests/connect/con_net_test.c $(CON_KIT)
tests_connect_con_net_test_LDADD = $(CON_TEST_LIBS)
check_PROGRAMS += tests/connect/con_restore_test
tests_connect_con_restore_test_SOURCES = tests/connect/con_restore_test.c $(CON_KIT)
tests_connect_con_restore_test_LDADD = $(CON_TEST_LIBS)
check_PROGRAMS += tests/connect/con_std_test
tests_connect_con_std_test_SOURCES = tests/connect/con_std_test.c $(CON_KIT)
tests_connect_con_std_test_LDADD = $(CON_TEST_LIBS)
check_PROGRAMS += tests/connect/con_text_test
tests_connect_con_text_test_SOURCES = tests/connect/con_text_test.c $(CON_KIT)
tests_connect_con_text_test_LDADD = $(CON_TEST_LIBS)

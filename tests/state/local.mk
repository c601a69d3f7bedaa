# Tests of state: see tests/local.mk for how to add one.
check_PROGRAMS += tests/state/sto_test
tests_state_sto_test_LDADD = $(STO_TEST_LIBS)
check_PROGRAMS += tests/state/sto_path_test
tests_state_sto_path_test_LDADD = $(STO_TEST_LIBS)
check_PROGRAMS += tests/state/sto_db_test
tests_state_sto_db_test_LDADD = $(STO_TEST_LIBS)
EXTRA_DIST += tests/state/sto_kit.h
check_PROGRAMS += tests/state/sto_store_test
tests_state_sto_store_test_LDADD = $(STO_TEST_LIBS)
check_PROGRAMS += tests/state/sto_part_test
tests_state_sto_part_test_LDADD = $(STO_TEST_LIBS)
check_PROGRAMS += tests/state/sto_tier_test
tests_state_sto_tier_test_LDADD = $(STO_TEST_LIBS)
check_PROGRAMS += tests/state/sto_work_test
tests_state_sto_work_test_LDADD = $(STO_TEST_LIBS)
check_PROGRAMS += tests/state/sto_rows_test
tests_state_sto_rows_test_LDADD = $(STO_TEST_LIBS)
# Savepoints of earlier versions: what they were written with stays as it is.
TESTS += tests/state/golden.py
EXTRA_DIST += tests/state/golden.py tests/state/golden

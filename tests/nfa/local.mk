# Tests of nfa: see tests/local.mk for how to add one.
NFA_KIT = tests/nfa/nfa_kit.c tests/nfa/nfa_kit.h tests/nfa/nfa_gen.c tests/nfa/nfa_gen.h \
	tests/nfa/nfa_entries.c tests/nfa/nfa_entries.h $(REFERENCE_SOURCES)

check_PROGRAMS += tests/nfa/nfa_random_test
tests_nfa_nfa_random_test_SOURCES = tests/nfa/nfa_random_test.c $(NFA_KIT)
tests_nfa_nfa_random_test_LDADD = $(NFA_TEST_LIBS)
check_PROGRAMS += tests/nfa/nfa_match_test
tests_nfa_nfa_match_test_SOURCES = tests/nfa/nfa_match_test.c $(HAND_CASES) $(NFA_KIT)
tests_nfa_nfa_match_test_LDADD = $(NFA_TEST_LIBS)
check_PROGRAMS += tests/nfa/nfa_life_test
tests_nfa_nfa_life_test_SOURCES = tests/nfa/nfa_life_test.c $(NFA_KIT)
tests_nfa_nfa_life_test_LDADD = $(NFA_TEST_LIBS)
check_PROGRAMS += tests/nfa/nfa_prog_test
tests_nfa_nfa_prog_test_SOURCES = tests/nfa/nfa_prog_test.c $(NFA_KIT)
tests_nfa_nfa_prog_test_LDADD = $(NFA_TEST_LIBS)
check_PROGRAMS += tests/nfa/nfa_many_test
tests_nfa_nfa_many_test_LDADD = libdsl.la $(NFA_TEST_LIBS)
check_PROGRAMS += tests/nfa/nfa_growth_test
tests_nfa_nfa_growth_test_SOURCES = tests/nfa/nfa_growth_test.c $(NFA_KIT)
tests_nfa_nfa_growth_test_LDADD = $(NFA_TEST_LIBS)
check_PROGRAMS += tests/nfa/nfa_look_test
tests_nfa_nfa_look_test_SOURCES = tests/nfa/nfa_look_test.c $(NFA_KIT)
tests_nfa_nfa_look_test_LDADD = $(NFA_TEST_LIBS)
check_PROGRAMS += tests/nfa/nfa_save_test
tests_nfa_nfa_save_test_SOURCES = tests/nfa/nfa_save_test.c $(NFA_KIT)
tests_nfa_nfa_save_test_LDADD = $(NFA_TEST_LIBS)
check_PROGRAMS += tests/nfa/nfa_sets_test
tests_nfa_nfa_sets_test_SOURCES = tests/nfa/nfa_sets_test.c $(NFA_KIT)
tests_nfa_nfa_sets_test_LDADD = $(NFA_TEST_LIBS)
check_PROGRAMS += tests/nfa/nfa_trace_test
tests_nfa_nfa_trace_test_SOURCES = tests/nfa/nfa_trace_test.c $(NFA_KIT)
tests_nfa_nfa_trace_test_LDADD = $(NFA_TEST_LIBS)
check_PROGRAMS += tests/nfa/nfa_later_test
tests_nfa_nfa_later_test_SOURCES = tests/nfa/nfa_later_test.c $(NFA_KIT)
tests_nfa_nfa_later_test_LDADD = $(NFA_TEST_LIBS)

check_PROGRAMS += tests/nfa/nfa_slice_test
tests_nfa_nfa_slice_test_SOURCES = tests/nfa/nfa_slice_test.c $(NFA_KIT)
tests_nfa_nfa_slice_test_LDADD = $(NFA_TEST_LIBS)
check_PROGRAMS += tests/nfa/nfa_cold_test
tests_nfa_nfa_cold_test_SOURCES = tests/nfa/nfa_cold_test.c $(NFA_KIT)
tests_nfa_nfa_cold_test_LDADD = $(NFA_TEST_LIBS)
check_PROGRAMS += tests/nfa/nfa_many_slice_test
tests_nfa_nfa_many_slice_test_SOURCES = tests/nfa/nfa_many_slice_test.c tests/nfa/nfa_entries.c tests/nfa/nfa_entries.h
tests_nfa_nfa_many_slice_test_LDADD = libdsl.la $(NFA_TEST_LIBS)

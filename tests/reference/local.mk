# The judge of matchers: see tests/reference/README.md.
REFERENCE_SOURCES = tests/reference/ref.h tests/reference/ref_place.h tests/reference/ref_place.c \
	tests/reference/ref_match.c tests/reference/ref_text.h tests/reference/ref_text.c
HAND_CASES = tests/reference/hand.h tests/reference/hand.c
EXTRA_DIST += tests/reference/README.md

check_PROGRAMS += tests/reference/ref_test
tests_reference_ref_test_SOURCES = tests/reference/ref_test.c $(HAND_CASES) $(REFERENCE_SOURCES)
tests_reference_ref_test_LDADD = $(PLAN_TEST_LIBS)

check_PROGRAMS += tests/reference/random_test
tests_reference_random_test_SOURCES = tests/reference/random_test.c tests/reference/random_case.h \
	tests/reference/random_case.c $(REFERENCE_SOURCES)
tests_reference_random_test_LDADD = $(NFA_TEST_LIBS)

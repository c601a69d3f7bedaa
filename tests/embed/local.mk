check_PROGRAMS += tests/embed/cep_test
tests_embed_cep_test_LDADD = $(EMB_LIBS) $(CMOCKA_LIBS)
# The library as it is installed.
TESTS += tests/cli/embed_test.py
EXTRA_DIST += tests/cli/embed_test.py

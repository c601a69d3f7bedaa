# Whole-program tests: see tests/local.mk.
CLI_TESTS =
TESTS += $(CLI_TESTS)
EXTRA_DIST += $(CLI_TESTS) tests/cli/examples.sh

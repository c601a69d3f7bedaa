# Whole-program tests: see tests/local.mk.
CLI_TESTS = tests/cli/program_test.py
TESTS += $(CLI_TESTS)
EXTRA_DIST += $(CLI_TESTS) tests/cli/examples.sh

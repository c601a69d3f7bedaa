# Whole-program tests: see tests/local.mk.
CLI_TESTS = tests/cli/readme_test.py tests/cli/program_test.py tests/cli/recovery_test.py tests/cli/examples.sh \
	tests/cli/http_test.py tests/cli/fault_test.py tests/cli/savepoint_test.py \
	tests/cli/window_test.py tests/cli/retract_test.py tests/cli/over_test.py tests/cli/recognize_test.py tests/cli/anomaly_test.py tests/cli/join_test.py tests/cli/late_test.py tests/cli/query_test.py tests/cli/select_fuzz_test.py tests/cli/state_test.py tests/cli/replay_test.py tests/cli/format_test.py \
	tests/cli/operator_test.py tests/cli/function_test.py tests/cli/nexmark_test.py tests/cli/drift_test.py
TESTS += $(CLI_TESTS)
EXTRA_DIST += $(CLI_TESTS) tests/cli/cli_kit.py tests/cli/stream_kit.py tests/cli/fault_shim.c tests/soak/kill_soak.py examples
THREAD_TESTS += tests/cli/program_test.py tests/cli/http_test.py tests/cli/savepoint_test.py

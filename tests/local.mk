# How tests are wired. A module's own tests stand in tests/<module>/local.mk; a cmocka test takes two lines:
#
#     check_PROGRAMS += tests/expr/expr_eval_test
#     tests_expr_expr_eval_test_LDADD = $(EXPR_TEST_LIBS)
#
# (the source is tests/expr/expr_eval_test.c unless tests_expr_expr_eval_test_SOURCES says otherwise). Linking
# with the layer's own libraries, not with all of them, is what proves that nothing includes upwards.
# A whole-program test is a script in tests/cli/, listed in tests/cli/local.mk; it gets CEPD (the program),
# CEP_SRCDIR and CEP_BUILDDIR, exits 0 (passed), 1 (failed) or 77 (skipped), and writes only below $TMPDIR.
BASE_TEST_LIBS = $(BASE_LIBS) $(CMOCKA_LIBS)
EVT_TEST_LIBS = $(EVT_LIBS) $(CMOCKA_LIBS)
EXPR_TEST_LIBS = $(EXPR_LIBS) $(CMOCKA_LIBS)
PLAN_TEST_LIBS = $(PLAN_LIBS) $(CMOCKA_LIBS)
NFA_TEST_LIBS = $(NFA_LIBS) $(CMOCKA_LIBS)
CLK_TEST_LIBS = $(CLK_LIBS) $(CMOCKA_LIBS)
STO_TEST_LIBS = $(STO_LIBS) $(CMOCKA_LIBS)
RT_TEST_LIBS = $(RT_LIBS) $(CMOCKA_LIBS)
CON_TEST_LIBS = $(CON_LIBS) $(CMOCKA_LIBS)
DSL_TEST_LIBS = $(DSL_LIBS) $(CMOCKA_LIBS)
CEPD_TEST_LIBS = $(CEPD_LIBS) $(CMOCKA_LIBS)
EXTRA_DIST += tests/tsan.supp tests/runner.py

TEST_EXTENSIONS = .sh .py
SH_LOG_COMPILER = $(SHELL)
PY_LOG_COMPILER = $(PYTHON3)
AM_TESTS_ENVIRONMENT = \
	CEPD='$(abs_top_builddir)/cepd'; export CEPD; \
	CEP_SRCDIR='$(abs_top_srcdir)'; export CEP_SRCDIR; \
	CEP_BUILDDIR='$(abs_top_builddir)'; export CEP_BUILDDIR; \
	CEP_PYTHON='$(PYTHON3)'; export CEP_PYTHON; \
	CEP_CPPFLAGS='$(AM_CPPFLAGS)'; export CEP_CPPFLAGS; \
	CEP_INSTRUMENTED='$(INSTRUMENTED)'; export CEP_INSTRUMENTED; \
	CEP_KERN_LEVELS='$(KERN_LEVELS)'; export CEP_KERN_LEVELS; \
	CEP_KERN_CFLAGS='$(KERN_CFLAGS)'; export CEP_KERN_CFLAGS; \
	CEP_EXTERNAL_LIBS='$(EXTERNAL_LIBS)'; export CEP_EXTERNAL_LIBS; \
	CC='$(CC)'; export CC; \
	CXX='$(CXX)'; export CXX; \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE;
AM_COLOR_TESTS = auto

# Tests that use threads are also named in THREAD_TESTS += (in their own local.mk, one a line): script/test runs
# those under the thread sanitizer.
THREAD_TESTS =
TESTS += $(check_PROGRAMS)

include tests/cluster/local.mk
include tests/base/local.mk
include tests/event/local.mk
include tests/expr/local.mk
include tests/plan/local.mk
include tests/nfa/local.mk
include tests/time/local.mk
include tests/state/local.mk
include tests/runtime/local.mk
include tests/connect/local.mk
include tests/dsl/local.mk
include tests/embed/local.mk
include tests/cepd/local.mk
include tests/cli/local.mk
include tests/patterns/local.mk
include tests/reference/local.mk
include tests/tree/local.mk

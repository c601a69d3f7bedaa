# `make bench` builds and runs what bench_all lists; `make check` only builds it. To add one:
#
#     bench_all += bench/decode_bench
#     bench_decode_bench_LDADD = $(CON_LIBS)
bench_all =
EXTRA_DIST += bench/program_bench.py bench/state_bench.py bench/core_compare.py
bench_all += bench/decode_bench
bench_decode_bench_LDADD = $(CON_LIBS)
EXTRA_PROGRAMS += $(bench_all)
CLEANFILES += $(bench_all)

.PHONY: bench
bench: $(bench_all) all
	@for b in $(bench_all); do echo "== $$b"; ./$$b || exit 1; done
	@echo "== bench/program_bench.py"; $(PYTHON3) $(srcdir)/bench/program_bench.py ./cepd
	@echo "== bench/state_bench.py"; $(PYTHON3) $(srcdir)/bench/state_bench.py ./cepd
	@echo "== bench/core_compare.py"; $(PYTHON3) $(srcdir)/bench/core_compare.py --cepd ./cepd

check-local: $(bench_all)
bench_all += bench/nfa_bench
bench_nfa_bench_LDADD = libdsl.la $(NFA_LIBS)
bench_all += bench/expr_bench
bench_expr_bench_LDADD = $(EXPR_LIBS)
bench_all += bench/reach_bench
bench_reach_bench_SOURCES = bench/reach_bench.c bench/bench_cell.c bench/bench_cell.h
bench_reach_bench_LDADD = libdsl.la $(NFA_LIBS)
bench_all += bench/many_bench
bench_many_bench_LDADD = libdsl.la $(NFA_LIBS)
bench_all += bench/tier_bench
bench_tier_bench_LDADD = libdsl.la $(NFA_LIBS)

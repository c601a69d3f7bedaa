# `make bench` builds and runs what bench_all lists; `make check` only builds it. To add one:
#
#     bench_all += bench/decode_bench
#     bench_decode_bench_LDADD = $(CON_LIBS)
bench_all =
EXTRA_DIST += bench/program_bench.py bench/state_bench.py bench/core_compare.py bench/cluster_bench.py
bench_all += bench/decode_bench
bench_decode_bench_LDADD = $(CON_LIBS)
EXTRA_PROGRAMS += $(bench_all)
CLEANFILES += $(bench_all)

.PHONY: bench
bench: $(bench_all) all
	@for b in $(bench_all); do echo "== $$b"; ./$$b || exit 1; done
	@echo "== bench/program_bench.py"; $(PYTHON3) $(srcdir)/bench/program_bench.py ./cepd
	@echo "== bench/state_bench.py"; $(PYTHON3) $(srcdir)/bench/state_bench.py ./cepd
	@echo "== bench/cluster_bench.py"; $(PYTHON3) $(srcdir)/bench/cluster_bench.py ./cepd
	@echo "== bench/nexmark"; $(PYTHON3) $(srcdir)/bench/nexmark/nexmark.py ./cepd bench/nexmark/nexmark_gen
	@echo "== bench/core_compare.py"; $(PYTHON3) $(srcdir)/bench/core_compare.py --cepd ./cepd

check-local: $(bench_all)
bench_all += bench/wire_bench
bench_wire_bench_LDADD = $(CLU_LIBS)
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

# Nexmark: the generator is built with everything else, since a test uses it.
noinst_PROGRAMS += bench/nexmark/nexmark_gen
bench_nexmark_nexmark_gen_LDADD =
EXTRA_DIST += bench/nexmark/nexmark.py bench/nexmark/nexmark_judge.py bench/nexmark/persons.pattern \
	bench/nexmark/auctions.pattern bench/nexmark/bids.pattern
EXTRA_DIST += bench/nexmark/q0.pattern bench/nexmark/q1.pattern bench/nexmark/q2.pattern bench/nexmark/q10.pattern \
	bench/nexmark/q11.pattern bench/nexmark/q12.pattern bench/nexmark/q14.pattern bench/nexmark/q15.pattern \
	bench/nexmark/q16.pattern bench/nexmark/q17.pattern bench/nexmark/q18.pattern bench/nexmark/q21.pattern \
	bench/nexmark/q22.pattern bench/nexmark/q3.pattern bench/nexmark/q4.pattern bench/nexmark/q5.pattern \
	bench/nexmark/q7.pattern bench/nexmark/q8.pattern bench/nexmark/q9.pattern bench/nexmark/q13.pattern \
	bench/nexmark/q20.pattern
bench_all += bench/join_bench
bench_join_bench_SOURCES = bench/join_bench.c bench/bench_flow.c bench/bench_flow.h
bench_join_bench_LDADD = libdsl.la $(RT_LIBS)
bench_all += bench/window_bench
bench_window_bench_SOURCES = bench/window_bench.c bench/bench_flow.c bench/bench_flow.h
bench_window_bench_LDADD = libdsl.la $(RT_LIBS)
bench_all += bench/skew_bench
bench_skew_bench_LDADD = libdsl.la $(RT_LIBS)

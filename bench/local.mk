# `make bench` builds and runs what bench_all lists; `make check` does neither.
bench_all =
EXTRA_PROGRAMS += $(bench_all)
CLEANFILES += $(bench_all)

.PHONY: bench
bench: $(bench_all) all
	@for b in $(bench_all); do echo "== $$b"; ./$$b || exit 1; done

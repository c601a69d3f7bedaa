# The pages of section 1 are what `cepd help --man` prints; a test holds them to it, and this writes them again.
MAN_COMMANDS = cancel check cluster coordinator explain fmt help job jobs replay rescale run savepoint state stop submit \
	test worker workers
dist_man_MANS += man/cepd.1 man/cepd-cancel.1 man/cepd-check.1 man/cepd-explain.1 man/cepd-fmt.1 man/cepd-help.1 man/cepd-run.1 \
	man/cepd-job.1 man/cepd-jobs.1 man/cepd-replay.1 man/cepd-savepoint.1 man/cepd-state.1 man/cepd-stop.1 \
	man/cepd-test.1 man/cepd.pattern.5
dist_man_MANS += man/cepd-cluster.1 man/cepd-coordinator.1 man/cepd-rescale.1 man/cepd-submit.1 man/cepd-worker.1 \
	man/cepd-workers.1

.PHONY: man-pages
man-pages: cepd
	./cepd help --man >$(srcdir)/man/cepd.1
	for c in $(MAN_COMMANDS); do ./cepd help --man $$c >$(srcdir)/man/cepd-$$c.1 || exit 1; done

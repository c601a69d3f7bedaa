noinst_LTLIBRARIES += libclu.la
libclu_la_SOURCES = src/cluster/clu_checkpoints.c src/cluster/clu_http.c src/cluster/clu_http.h src/cluster/clu_job.c \
	src/cluster/clu_job.h src/cluster/clu_job_internal.h src/cluster/clu_metrics.c src/cluster/clu_savepoint.c

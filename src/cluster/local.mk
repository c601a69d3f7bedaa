noinst_LTLIBRARIES += libclu.la
libclu_la_SOURCES = src/cluster/clu_checkpoints.c src/cluster/clu_http.c src/cluster/clu_http.h src/cluster/clu_job.c \
	src/cluster/clu_job.h src/cluster/clu_job_internal.h src/cluster/clu_metrics.c src/cluster/clu_savepoint.c
libclu_la_SOURCES += \
	src/cluster/clu_config.c src/cluster/clu_config.h \
	src/cluster/clu_keep.c src/cluster/clu_keep.h \
	src/cluster/clu_restart.c src/cluster/clu_restart.h \
	src/cluster/clu_settings.c src/cluster/clu_settings.h

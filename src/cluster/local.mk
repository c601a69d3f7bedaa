noinst_LTLIBRARIES += libclu.la
libclu_la_SOURCES = src/cluster/clu_checkpoints.c src/cluster/clu_http.c src/cluster/clu_http.h src/cluster/clu_job.c \
	src/cluster/clu_job.h src/cluster/clu_job_internal.h src/cluster/clu_job_write.c src/cluster/clu_metrics.c \
	src/cluster/clu_savepoint.c
libclu_la_SOURCES += \
	src/cluster/clu_config.c src/cluster/clu_config.h \
	src/cluster/clu_coordinator.c src/cluster/clu_coordinator.h \
	src/cluster/clu_dispatcher.c src/cluster/clu_dispatcher.h \
	src/cluster/clu_keep.c src/cluster/clu_keep.h \
	src/cluster/clu_master.c src/cluster/clu_master.h src/cluster/clu_master_internal.h \
	src/cluster/clu_master_attempt.c src/cluster/clu_master_heard.c \
	src/cluster/clu_master_remote.c src/cluster/clu_master_run.c \
	src/cluster/clu_prom.c src/cluster/clu_prom.h \
	src/cluster/clu_registry.c src/cluster/clu_registry.h \
	src/cluster/clu_resources.c src/cluster/clu_resources.h \
	src/cluster/clu_restart.c src/cluster/clu_restart.h \
	src/cluster/clu_settings.c src/cluster/clu_settings.h \
	src/cluster/clu_spec.c src/cluster/clu_spec.h
# A worker.
libclu_la_SOURCES += \
	src/cluster/clu_saved.c src/cluster/clu_saved.h \
	src/cluster/clu_worker.c src/cluster/clu_worker.h src/cluster/clu_worker_internal.h \
	src/cluster/clu_worker_dir.c src/cluster/clu_worker_dir.h \
	src/cluster/clu_worker_part.c
# The wire.
libclu_la_SOURCES += \
	src/cluster/clu_address.c src/cluster/clu_address.h \
	src/cluster/clu_batch.c src/cluster/clu_batch.h src/cluster/clu_batch_read.c \
	src/cluster/clu_data.c src/cluster/clu_data.h src/cluster/clu_data_internal.h \
	src/cluster/clu_data_conn.c \
	src/cluster/clu_data_wire.c src/cluster/clu_data_wire.h \
	src/cluster/clu_finding.c src/cluster/clu_finding.h \
	src/cluster/clu_frame.c src/cluster/clu_frame.h \
	src/cluster/clu_link.c src/cluster/clu_link.h src/cluster/clu_link_internal.h \
	src/cluster/clu_link_greet.c src/cluster/clu_link_msg.c \
	src/cluster/clu_loop.c src/cluster/clu_loop.h \
	src/cluster/clu_probe.c src/cluster/clu_probe.h \
	src/cluster/clu_session.c src/cluster/clu_session.h \
	src/cluster/clu_stream.c src/cluster/clu_stream.h \
	src/cluster/clu_tls.c src/cluster/clu_tls.h src/cluster/clu_tls_internal.h \
	src/cluster/clu_wire.c src/cluster/clu_wire.h \
	proto/cepd.pb-c.c proto/cepd.pb-c.h
$(libclu_la_OBJECTS): proto/cepd.pb-c.h

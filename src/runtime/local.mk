noinst_LTLIBRARIES += librt.la
librt_la_SOURCES = \
	src/runtime/rt_aggregate.c src/runtime/rt_aggregate.h \
	src/runtime/rt_aggregate_give.c \
	src/runtime/rt_aggregate_save.c \
	src/runtime/rt_aggregate_slice.c \
	src/runtime/rt_alert.c src/runtime/rt_alert.h src/runtime/rt_alert_save.c \
	src/runtime/rt_checkpoint.c src/runtime/rt_checkpoint.h \
	src/runtime/rt_combine.c src/runtime/rt_combine.h \
	src/runtime/rt_coordinator.c src/runtime/rt_coordinator.h \
	src/runtime/rt_db.c src/runtime/rt_db.h \
	src/runtime/rt_exchange.c src/runtime/rt_exchange.h \
	src/runtime/rt_exec.c src/runtime/rt_exec.h \
	src/runtime/rt_frame.c src/runtime/rt_frame.h \
	src/runtime/rt_flight.c src/runtime/rt_flight.h \
	src/runtime/rt_given.c src/runtime/rt_given.h \
	src/runtime/rt_graph.c src/runtime/rt_graph.h \
	src/runtime/rt_groups.c src/runtime/rt_groups.h \
	src/runtime/rt_job.c src/runtime/rt_job.h src/runtime/rt_job_internal.h \
	src/runtime/rt_job_open.c \
	src/runtime/rt_join.c src/runtime/rt_join.h \
	src/runtime/rt_join_keys.c src/runtime/rt_join_keys.h \
	src/runtime/rt_join_kinds.c \
	src/runtime/rt_join_rows.c src/runtime/rt_join_rows.h \
	src/runtime/rt_join_save.c \
	src/runtime/rt_join_session.c \
	src/runtime/rt_keys.c src/runtime/rt_keys.h \
	src/runtime/rt_later.c src/runtime/rt_later.h \
	src/runtime/rt_life.c src/runtime/rt_life.h \
	src/runtime/rt_look.c src/runtime/rt_look.h \
	src/runtime/rt_master.c src/runtime/rt_master.h src/runtime/rt_master_internal.h \
	src/runtime/rt_master_region.c \
	src/runtime/rt_op.c src/runtime/rt_op.h src/runtime/rt_ops.h \
	src/runtime/rt_over.c src/runtime/rt_over.h \
	src/runtime/rt_over_save.c \
	src/runtime/rt_panes.c src/runtime/rt_panes.h \
	src/runtime/rt_recognize.c src/runtime/rt_recognize.h \
	src/runtime/rt_recognize_save.c \
	src/runtime/rt_part.c src/runtime/rt_part.h \
	src/runtime/rt_pattern.c src/runtime/rt_pattern.h \
	src/runtime/rt_patterns.c \
	src/runtime/rt_process.c src/runtime/rt_process.h \
	src/runtime/rt_process_host.c \
	src/runtime/rt_process_save.c \
	src/runtime/rt_process_state.c \
	src/runtime/rt_project.c src/runtime/rt_project.h \
	src/runtime/rt_relay.c src/runtime/rt_relay.h \
	src/runtime/rt_report.c src/runtime/rt_report.h \
	src/runtime/rt_restart.c src/runtime/rt_restart.h \
	src/runtime/rt_ring.c src/runtime/rt_ring.h \
	src/runtime/rt_save.c src/runtime/rt_save.h \
	src/runtime/rt_select.c \
	src/runtime/rt_sink.c \
	src/runtime/rt_slices.c src/runtime/rt_slices.h src/runtime/rt_slide.c src/runtime/rt_slide.h \
	src/runtime/rt_snap.c src/runtime/rt_snap.h \
	src/runtime/rt_source.c \
	src/runtime/rt_task.c src/runtime/rt_task.h \
	src/runtime/rt_task_channel.c \
	src/runtime/rt_task_open.c \
	src/runtime/rt_task_read.c \
	src/runtime/rt_test.c src/runtime/rt_test.h \
	src/runtime/rt_top.c \
	src/runtime/rt_unnest.c src/runtime/rt_unnest.h \
	src/runtime/rt_wait.c src/runtime/rt_wait.h \
	src/runtime/rt_window_count.c \
	src/runtime/rt_window_global.c \
	src/runtime/rt_window_session.c \
	src/runtime/rt_window_time.c

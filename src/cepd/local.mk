# libcmd holds everything but main(), so that tests can link it.
noinst_LTLIBRARIES += libcmd.la
libcmd_la_SOURCES = \
	src/cepd/cmd.h \
	src/cepd/cmd_args.c \
	src/cepd/cmd_check.c \
	src/cepd/cmd_cluster.c \
	src/cepd/cmd_compile.c src/cepd/cmd_compile.h \
	src/cepd/cmd_config.c src/cepd/cmd_config.h \
	src/cepd/cmd_coordinator.c \
	src/cepd/cmd_daemon.c src/cepd/cmd_daemon.h \
	src/cepd/cmd_explain.c \
	src/cepd/cmd_fmt.c \
	src/cepd/cmd_help.c \
	src/cepd/cmd_client.c src/cepd/cmd_client.h \
	src/cepd/cmd_jobs.c \
	src/cepd/cmd_log.c src/cepd/cmd_log.h \
	src/cepd/cmd_man.c \
	src/cepd/cmd_replay.c src/cepd/cmd_replay.h src/cepd/cmd_replay_diff.c \
	src/cepd/cmd_run.c \
	src/cepd/cmd_shared.c src/cepd/cmd_shared.h \
	src/cepd/cmd_state.c src/cepd/cmd_state.h src/cepd/cmd_state_json.c \
	src/cepd/cmd_submit.c \
	src/cepd/cmd_svg.c src/cepd/cmd_svg.h \
	src/cepd/cmd_table.c \
	src/cepd/cmd_test.c \
	src/cepd/cmd_topics.c src/cepd/cmd_topics.h \
	src/cepd/cmd_worker.c \
	src/cepd/cmd_workers.c
bin_PROGRAMS += cepd
cepd_SOURCES = src/cepd/cmd_main.c
cepd_LDADD = $(CEPD_LIBS)

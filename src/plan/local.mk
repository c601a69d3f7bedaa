noinst_LTLIBRARIES += libplan.la
libplan_la_SOURCES = \
	src/plan/plan.c src/plan/plan.h src/plan/plan_catalog.h \
	src/plan/plan_combine.c src/plan/plan_combine.h \
	src/plan/plan_dot.c \
	src/plan/plan_job.c src/plan/plan_job.h \
	src/plan/plan_job_write.c \
	src/plan/plan_library.c src/plan/plan_library.h \
	src/plan/plan_user.c src/plan/plan_user.h \
	src/plan/plan_row_term.c \
	src/plan/plan_schema.c \
	src/plan/plan_term.c \
	src/plan/plan_write.c

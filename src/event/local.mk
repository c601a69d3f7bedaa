noinst_LTLIBRARIES += libevt.la
libevt_la_SOURCES = \
	src/event/evt_batch.c src/event/evt_batch.h \
	src/event/evt_pack.c src/event/evt_pack.h \
	src/event/evt_type.c src/event/evt_type.h \
	src/event/evt_val.c \
	src/event/evt_view.c src/event/evt_view.h \
	src/event/evt_write.c

noinst_LTLIBRARIES += libsto.la
libsto_la_SOURCES = \
	src/state/sto.h \
	src/state/sto_book.c src/state/sto_book.h \
	src/state/sto_bundle.c src/state/sto_bundle.h \
	src/state/sto_db.c src/state/sto_db.h \
	src/state/sto_group.c \
	src/state/sto_loss.c \
	src/state/sto_manifest.c \
	src/state/sto_part.c src/state/sto_part.h \
	src/state/sto_path.c src/state/sto_path.h \
	src/state/sto_spool.c src/state/sto_spool.h \
	src/state/sto_store.c src/state/sto_store.h \
	src/state/sto_tier.c src/state/sto_tier.h src/state/sto_rows.c src/state/sto_rows.h \
	src/state/sto_work.c src/state/sto_work.h

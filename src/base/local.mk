noinst_LTLIBRARIES += libbase.la
libbase_la_SOURCES = \
	include/cep/error.h \
	src/base/base_arena.c src/base/base_arena.h \
	src/base/base_bits.c src/base/base_bits.h \
	src/base/base_buf.c src/base/base_buf.h \
	src/base/base_check.c src/base/base_check.h \
	src/base/base_err.c src/base/base_err.h \
	src/base/base_float.cc src/base/base_float.h \
	src/base/base_map.c src/base/base_map.h \
	src/base/base_mem.c src/base/base_mem.h \
	src/base/base_num.c src/base/base_num.h \
	src/base/base_pack.c src/base/base_pack.h \
	src/base/base_str.c src/base/base_str.h \
	src/base/base_time.c

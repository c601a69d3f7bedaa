noinst_LTLIBRARIES += libexpr.la
libexpr_la_SOURCES = \
	src/expr/expr.c src/expr/expr.h \
	src/expr/expr_build.c src/expr/expr_build.h \
	src/expr/expr_cast.c src/expr/expr_cast.h \
	src/expr/expr_decimal.c src/expr/expr_decimal.h \
	src/expr/expr_eval.c src/expr/expr_eval.h \
	src/expr/expr_func.c src/expr/expr_func.h \
	src/expr/expr_func_core.c \
	src/expr/expr_index.c src/expr/expr_index.h \
	src/expr/expr_index_internal.h src/expr/expr_index_table.c \
	src/expr/expr_row.c src/expr/expr_row.h \
	src/expr/expr_kern.c src/expr/expr_kern.h \
	src/expr/expr_kern_set.c \
	src/expr/expr_kern_str.c \
	src/expr/expr_vec.c src/expr/expr_vec.h src/expr/expr_vec_internal.h \
	src/expr/expr_vec_kern.c \
	src/expr/expr_vec_logic.c \
	src/expr/expr_vec_rows.c \
	src/expr/expr_write.c

# Function families and aggregates.
libexpr_la_SOURCES += \
	src/expr/expr_acc.c src/expr/expr_acc.h src/expr/expr_acc_internal.h \
	src/expr/expr_acc_pack.c \
	src/expr/expr_acc_rows.c \
	src/expr/expr_agg.c src/expr/expr_agg.h src/expr/expr_agg_opts.c \
	src/expr/expr_bag.c src/expr/expr_bag.h \
	src/expr/expr_calendar.c src/expr/expr_calendar.h \
	src/expr/expr_case.c src/expr/expr_case.h \
	src/expr/expr_digest.c src/expr/expr_digest.h \
	src/expr/expr_dds.c src/expr/expr_dds.h \
	src/expr/expr_func_array.c \
	src/expr/expr_func_data.c \
	src/expr/expr_func_math.c \
	src/expr/expr_func_regex.c \
	src/expr/expr_func_string.c \
	src/expr/expr_func_time.c \
	src/expr/expr_func_util.c src/expr/expr_func_util.h \
	src/expr/expr_hll.c src/expr/expr_hll.h \
	src/expr/expr_ints.c src/expr/expr_ints.h \
	src/expr/expr_json.c src/expr/expr_json.h \
	src/expr/expr_kept.c src/expr/expr_kept.h \
	src/expr/expr_like.c src/expr/expr_like.h \
	src/expr/expr_regex.c src/expr/expr_regex.h \
	src/expr/expr_run.c src/expr/expr_run.h \
	src/expr/expr_sorted.c src/expr/expr_sorted.h \
	src/expr/expr_timefmt.c src/expr/expr_timefmt.h \
	src/expr/expr_zone.c src/expr/expr_zone.h

# One file of loops, a library for each kind of processor it is compiled for.
noinst_LTLIBRARIES += libexpr_plain.la
libexpr_la_LIBADD = libexpr_plain.la
libexpr_plain_la_SOURCES = src/expr/expr_kern_loops.c
libexpr_plain_la_CFLAGS = $(AM_CFLAGS) $(KERN_CFLAGS)
libexpr_plain_la_CPPFLAGS = $(AM_CPPFLAGS) -DEXPR_KERN_BUILD=plain
if KERN_LEVELS
noinst_LTLIBRARIES += libexpr_v2.la libexpr_v3.la
libexpr_la_LIBADD += libexpr_v2.la libexpr_v3.la
libexpr_v2_la_SOURCES = src/expr/expr_kern_loops.c
libexpr_v2_la_CFLAGS = $(AM_CFLAGS) $(KERN_CFLAGS) -march=x86-64-v2
libexpr_v2_la_CPPFLAGS = $(AM_CPPFLAGS) -DEXPR_KERN_BUILD=v2 -DEXPR_KERN_LEVEL='"x86-64-v2"'
libexpr_v3_la_SOURCES = src/expr/expr_kern_loops.c
libexpr_v3_la_CFLAGS = $(AM_CFLAGS) $(KERN_CFLAGS) -march=x86-64-v3
libexpr_v3_la_CPPFLAGS = $(AM_CPPFLAGS) -DEXPR_KERN_BUILD=v3 -DEXPR_KERN_LEVEL='"x86-64-v3"'
endif

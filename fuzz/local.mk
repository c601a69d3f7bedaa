# A fuzz target NAME is fuzz/NAME_fuzz.c with a corpus in fuzz/NAME.in/. To add one:
#
#     FUZZ_TARGETS += fuzz/dsl_fuzz
#     fuzz_dsl_fuzz_SOURCES = fuzz/dsl_fuzz.c fuzz/fuzz_main.h $(FUZZ_MAIN)
#     fuzz_dsl_fuzz_LDADD = $(DSL_LIBS)
#     fuzz_dsl_fuzz_LDFLAGS = $(FUZZ_LINK)
#     EXTRA_DIST += fuzz/dsl.in
#
# make check replays every corpus; ./configure CC=clang CXX=clang++ --enable-fuzz
# --with-sanitizer=address,undefined links the targets with libFuzzer: fuzz/dsl_fuzz -max_total_time=60 fuzz/dsl.in
FUZZ_TARGETS =
FUZZ_LINK = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
if ENABLE_FUZZ
FUZZ_MAIN =
noinst_PROGRAMS += $(FUZZ_TARGETS)
else
FUZZ_MAIN = fuzz/fuzz_main.c
check_PROGRAMS += $(FUZZ_TARGETS)
endif
EXTRA_DIST += fuzz/fuzz_main.c

FUZZ_TARGETS += fuzz/dsl_compile_fuzz
fuzz_dsl_compile_fuzz_SOURCES = fuzz/dsl_compile_fuzz.c fuzz/fuzz_main.h $(FUZZ_MAIN)
fuzz_dsl_compile_fuzz_LDADD = $(DSL_LIBS)
fuzz_dsl_compile_fuzz_LDFLAGS = $(FUZZ_LINK)
EXTRA_DIST += fuzz/dsl_compile.in

FUZZ_TARGETS += fuzz/dsl_parse_fuzz
fuzz_dsl_parse_fuzz_SOURCES = fuzz/dsl_parse_fuzz.c fuzz/fuzz_main.h $(FUZZ_MAIN)
fuzz_dsl_parse_fuzz_LDADD = $(DSL_LIBS)
fuzz_dsl_parse_fuzz_LDFLAGS = $(FUZZ_LINK)
EXTRA_DIST += fuzz/dsl_parse.in

CON_FUZZ = fuzz/con_fuzz.h tests/connect/con_kit.c tests/connect/con_kit.h
FUZZ_TARGETS += fuzz/csv_fuzz fuzz/json_fuzz fuzz/text_fuzz
fuzz_csv_fuzz_SOURCES = fuzz/csv_fuzz.c fuzz/fuzz_main.h $(CON_FUZZ) $(FUZZ_MAIN)
fuzz_csv_fuzz_LDADD = $(CON_LIBS)
fuzz_csv_fuzz_LDFLAGS = $(FUZZ_LINK)
fuzz_json_fuzz_SOURCES = fuzz/json_fuzz.c fuzz/fuzz_main.h $(CON_FUZZ) $(FUZZ_MAIN)
fuzz_json_fuzz_LDADD = $(CON_LIBS)
fuzz_json_fuzz_LDFLAGS = $(FUZZ_LINK)
fuzz_text_fuzz_SOURCES = fuzz/text_fuzz.c fuzz/fuzz_main.h $(CON_FUZZ) $(FUZZ_MAIN)
fuzz_text_fuzz_LDADD = $(CON_LIBS)
fuzz_text_fuzz_LDFLAGS = $(FUZZ_LINK)
EXTRA_DIST += fuzz/csv.in fuzz/json.in fuzz/text.in

FUZZ_TARGETS += fuzz/http_fuzz
fuzz_http_fuzz_SOURCES = fuzz/http_fuzz.c fuzz/fuzz_main.h $(FUZZ_MAIN)
fuzz_http_fuzz_LDADD = $(CLU_LIBS)
fuzz_http_fuzz_LDFLAGS = $(FUZZ_LINK)
EXTRA_DIST += fuzz/http.in

FUZZ_TARGETS += fuzz/manifest_fuzz
fuzz_manifest_fuzz_SOURCES = fuzz/manifest_fuzz.c fuzz/fuzz_main.h $(FUZZ_MAIN)
fuzz_manifest_fuzz_LDADD = $(STO_LIBS)
fuzz_manifest_fuzz_LDFLAGS = $(FUZZ_LINK)
EXTRA_DIST += fuzz/manifest.in
FUZZ_TARGETS += fuzz/evt_pack_fuzz
fuzz_evt_pack_fuzz_SOURCES = fuzz/evt_pack_fuzz.c fuzz/fuzz_main.h $(FUZZ_MAIN)
fuzz_evt_pack_fuzz_LDADD = $(EVT_LIBS)
fuzz_evt_pack_fuzz_LDFLAGS = $(FUZZ_LINK)
EXTRA_DIST += fuzz/evt_pack.in

FUZZ_TARGETS += fuzz/part_fuzz
fuzz_part_fuzz_SOURCES = fuzz/part_fuzz.c fuzz/fuzz_main.h $(FUZZ_MAIN)
fuzz_part_fuzz_LDADD = $(STO_LIBS)
fuzz_part_fuzz_LDFLAGS = $(FUZZ_LINK)
EXTRA_DIST += fuzz/part.in

FUZZ_TARGETS += fuzz/restore_fuzz
fuzz_restore_fuzz_SOURCES = fuzz/restore_fuzz.c fuzz/fuzz_main.h $(FUZZ_MAIN)
fuzz_restore_fuzz_LDADD = libdsl.la $(RT_LIBS)
fuzz_restore_fuzz_LDFLAGS = $(FUZZ_LINK)
EXTRA_DIST += fuzz/restore.in fuzz/restore_seed.py

FUZZ_TARGETS += fuzz/select_fuzz
fuzz_select_fuzz_SOURCES = fuzz/select_fuzz.c fuzz/fuzz_main.h $(FUZZ_MAIN)
fuzz_select_fuzz_LDADD = libdsl.la $(RT_LIBS)
fuzz_select_fuzz_LDFLAGS = $(FUZZ_LINK)
EXTRA_DIST += fuzz/select.in

FUZZ_TARGETS += fuzz/nfa_load_fuzz
fuzz_nfa_load_fuzz_SOURCES = fuzz/nfa_load_fuzz.c fuzz/nfa_load_fuzz.h fuzz/fuzz_main.h $(FUZZ_MAIN)
fuzz_nfa_load_fuzz_LDADD = libdsl.la $(NFA_LIBS)
fuzz_nfa_load_fuzz_LDFLAGS = $(FUZZ_LINK)
EXTRA_DIST += fuzz/nfa_load.in

FUZZ_TARGETS += fuzz/link_fuzz fuzz/wire_fuzz
fuzz_link_fuzz_SOURCES = fuzz/link_fuzz.c fuzz/fuzz_main.h $(FUZZ_MAIN)
fuzz_link_fuzz_LDADD = $(CLU_LIBS)
fuzz_link_fuzz_LDFLAGS = $(FUZZ_LINK)
fuzz_wire_fuzz_SOURCES = fuzz/wire_fuzz.c fuzz/fuzz_main.h $(FUZZ_MAIN)
fuzz_wire_fuzz_LDADD = $(CLU_LIBS)
fuzz_wire_fuzz_LDFLAGS = $(FUZZ_LINK)
EXTRA_DIST += fuzz/link.in fuzz/wire.in

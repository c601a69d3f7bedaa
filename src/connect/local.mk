noinst_LTLIBRARIES += libcon.la
libcon_la_SOURCES = \
	src/connect/con.h src/connect/con_internal.h \
	src/connect/con_csv.c src/connect/con_csv.h \
	src/connect/con_csv_read.c \
	src/connect/con_csv_write.c \
	src/connect/con_file.c src/connect/con_file.h \
	src/connect/con_file_commit.c \
	src/connect/con_file_meet.c \
	src/connect/con_file_own.c \
	src/connect/con_file_sink.c src/connect/con_file_sink.h \
	src/connect/con_file_source.c \
	src/connect/con_generate.c src/connect/con_generate.h \
	src/connect/con_generate_rows.c \
	src/connect/con_http.c \
	src/connect/con_inflate.c src/connect/con_inflate.h \
	src/connect/con_json.c src/connect/con_json.h \
	src/connect/con_json_read.c \
	src/connect/con_json_scan.c src/connect/con_json_scan.h \
	src/connect/con_json_shim.cc src/connect/con_json_shim.h \
	src/connect/con_json_tree.c src/connect/con_json_tree.h \
	src/connect/con_json_write.c \
	src/connect/con_lines.h \
	src/connect/con_num.h \
	src/connect/con_outbox.c src/connect/con_outbox.h \
	src/connect/con_raw.c \
	src/connect/con_reader.c \
	src/connect/con_sink.c \
	src/connect/con_source.c \
	src/connect/con_std.c \
	src/connect/con_table.c \
	src/connect/con_tcp.c src/connect/con_tcp.h \
	src/connect/con_tcp_sink.c \
	src/connect/con_tcp_source.c \
	src/connect/con_text.c \
	src/connect/con_time.c src/connect/con_time.h \
	src/connect/con_util.c \
	src/connect/con_value.c src/connect/con_value.h

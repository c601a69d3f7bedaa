noinst_LTLIBRARIES += libclu.la
libclu_la_SOURCES = src/cluster/clu_http.c src/cluster/clu_http.h

# libcmd holds everything but main(), so that tests can link it.
noinst_LTLIBRARIES += libcmd.la
libcmd_la_SOURCES =
# bin_PROGRAMS += cepd
# cepd_SOURCES = src/cepd/cmd_main.c
# cepd_LDADD = $(CEPD_LIBS)

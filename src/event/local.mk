noinst_LTLIBRARIES += libevt.la
libevt_la_SOURCES =

noinst_LTLIBRARIES += librt.la
librt_la_SOURCES =

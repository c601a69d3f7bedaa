noinst_LTLIBRARIES += libclk.la
libclk_la_SOURCES = \
	src/time/clk.c src/time/clk.h \
	src/time/clk_watermark.c src/time/clk_watermark.h

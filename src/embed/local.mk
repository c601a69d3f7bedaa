# The public library: what include/cep/ declares, and nothing else is visible.
noinst_LTLIBRARIES += libemb.la
libemb_la_SOURCES = \
	src/embed/cep_engine.c \
	src/embed/cep_program.c src/embed/cep_program.h
EMB_LIBS = libemb.la libdsl.la $(RT_LIBS)

lib_LTLIBRARIES += libcep.la
libcep_la_SOURCES =
libcep_la_LIBADD = $(EMB_LIBS)
libcep_la_DEPENDENCIES = $(CEP_PARTS) src/embed/libcep.map
libcep_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -Wl,--version-script=$(srcdir)/src/embed/libcep.map
EXTRA_DIST += src/embed/libcep.map

# The same objects as one, for who links statically: its other symbols are local, so that they meet nobody's.
CEP_PARTS = libemb.la libdsl.la librt.la libnfa.la libcon.la libclk.la libsto.la libplan.la libexpr.la libevt.la libbase.la
libcep.a: $(CEP_PARTS)
	$(AM_V_GEN)rm -f $@ libcep_all.o && \
	$(LD) -r -o libcep_all.o --whole-archive $(CEP_PARTS:%.la=.libs/%.a) && \
	$(OBJCOPY) --wildcard --keep-global-symbol='cep_*' libcep_all.o && \
	$(AR) cr $@ libcep_all.o && rm -f libcep_all.o
noinst_DATA = libcep.a
CLEANFILES += libcep.a libcep_all.o
install-exec-local: libcep.a
	$(MKDIR_P) "$(DESTDIR)$(libdir)" && $(INSTALL_DATA) libcep.a "$(DESTDIR)$(libdir)/libcep.a"
uninstall-hook:
	rm -f "$(DESTDIR)$(libdir)/libcep.a"

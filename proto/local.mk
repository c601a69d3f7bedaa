# protoc-c writes both files; they travel in the tarball. Texts of messages become const, as a file option of protobuf-c would have
# it (that needs more packages installed). The header must exist before anything that includes it compiles: BUILT_SOURCES sees to
# that for all and check, the rule at the end of src/cluster/local.mk for single targets.
EXTRA_DIST += proto/cepd.proto
BUILT_SOURCES += proto/cepd.pb-c.h
MAINTAINERCLEANFILES = proto/cepd.pb-c.c proto/cepd.pb-c.h
proto/cepd.pb-c.c: proto/cepd.proto
	$(AM_V_GEN)$(MKDIR_P) proto/tmp && \
	$(PROTOC_C) --proto_path=$(srcdir)/proto --c_out=proto/tmp $(srcdir)/proto/cepd.proto && \
	for f in cepd.pb-c.h cepd.pb-c.c; do \
	  sed -e 's/^  char \*/  const char */' -e 's/(char \*)protobuf_c_empty_string/protobuf_c_empty_string/g' \
	    proto/tmp/$$f >proto/$$f || exit 1; \
	done && rm -rf proto/tmp
proto/cepd.pb-c.h: proto/cepd.pb-c.c
	@test -f $@ || { rm -f proto/cepd.pb-c.c && $(MAKE) $(AM_MAKEFLAGS) proto/cepd.pb-c.c; }

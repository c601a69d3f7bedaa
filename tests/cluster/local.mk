# Tests of cluster: see tests/local.mk for how to add one.
# Of what compiles texts too; libtool takes the last of two mentions, so libclu.la is not in it twice.
CLU_DSL_LIBS = libclu.la libdsl.la $(RT_LIBS) $(YAML_LIBS) $(PROTOBUFC_LIBS) $(LZ4_LIBS) $(EVENT_SSL_LIBS) $(SSL_LIBS)
CLU_KIT = tests/cluster/clu_kit.c tests/cluster/clu_kit.h
check_PROGRAMS += tests/cluster/clu_http_test
tests_cluster_clu_http_test_SOURCES = tests/cluster/clu_http_test.c $(CLU_KIT)
tests_cluster_clu_http_test_LDADD = $(CLU_LIBS) $(CMOCKA_LIBS)
THREAD_TESTS += tests/cluster/clu_http_test
check_PROGRAMS += tests/cluster/clu_job_test
tests_cluster_clu_job_test_LDADD = $(CLU_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/cluster/clu_link_test
tests_cluster_clu_link_test_SOURCES = tests/cluster/clu_link_test.c $(CLU_KIT)
tests_cluster_clu_link_test_LDADD = $(CLU_LIBS) $(CMOCKA_LIBS)
THREAD_TESTS += tests/cluster/clu_link_test
check_PROGRAMS += tests/cluster/clu_session_test
tests_cluster_clu_session_test_LDADD = $(CLU_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/cluster/clu_batch_test
tests_cluster_clu_batch_test_LDADD = $(CLU_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/cluster/clu_data_test
tests_cluster_clu_data_test_SOURCES = tests/cluster/clu_data_test.c $(CLU_KIT)
tests_cluster_clu_data_test_LDADD = $(CLU_LIBS) $(CMOCKA_LIBS)
THREAD_TESTS += tests/cluster/clu_data_test
check_PROGRAMS += tests/cluster/clu_spec_test
tests_cluster_clu_spec_test_SOURCES = tests/cluster/clu_spec_test.c $(CLU_KIT)
tests_cluster_clu_spec_test_LDADD = $(CLU_DSL_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/cluster/clu_resources_test
tests_cluster_clu_resources_test_SOURCES = tests/cluster/clu_resources_test.c $(CLU_KIT)
tests_cluster_clu_resources_test_LDADD = $(CLU_LIBS) $(CMOCKA_LIBS)
THREAD_TESTS += tests/cluster/clu_resources_test
check_PROGRAMS += tests/cluster/clu_registry_test
tests_cluster_clu_registry_test_SOURCES = tests/cluster/clu_registry_test.c $(CLU_KIT)
tests_cluster_clu_registry_test_LDADD = $(CLU_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/cluster/clu_frame_test
tests_cluster_clu_frame_test_SOURCES = tests/cluster/clu_frame_test.c $(CLU_KIT)
tests_cluster_clu_frame_test_LDADD = $(CLU_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/cluster/clu_wire_test
tests_cluster_clu_wire_test_SOURCES = tests/cluster/clu_wire_test.c $(CLU_KIT)
tests_cluster_clu_wire_test_LDADD = $(CLU_LIBS) $(CMOCKA_LIBS)
THREAD_TESTS += tests/cluster/clu_wire_test
check_PROGRAMS += tests/cluster/clu_dispatcher_test
tests_cluster_clu_dispatcher_test_SOURCES = tests/cluster/clu_dispatcher_test.c $(CLU_KIT)
tests_cluster_clu_dispatcher_test_LDADD = $(CLU_DSL_LIBS) $(CMOCKA_LIBS)
THREAD_TESTS += tests/cluster/clu_dispatcher_test
# Real processes; the second one on hosts of their own (network namespaces).
CLUSTER_TESTS = tests/cluster/cluster_test.py tests/cluster/cluster_net_test.py tests/cluster/submit_test.py \
	tests/cluster/programs_test.py tests/cluster/walk_test.py tests/cluster/deploy_test.py
TESTS += $(CLUSTER_TESTS)
EXTRA_DIST += $(CLUSTER_TESTS) tests/cluster/cluster_kit.py tests/cluster/net_kit.py tests/soak/cluster_soak.py

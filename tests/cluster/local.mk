# Tests of cluster: see tests/local.mk for how to add one.
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
# Real processes; the second one on hosts of their own (network namespaces).
CLUSTER_TESTS = tests/cluster/cluster_test.py tests/cluster/cluster_net_test.py tests/cluster/submit_test.py \
	tests/cluster/programs_test.py tests/cluster/walk_test.py
TESTS += $(CLUSTER_TESTS)
EXTRA_DIST += $(CLUSTER_TESTS) tests/cluster/cluster_kit.py tests/cluster/net_kit.py tests/soak/cluster_soak.py

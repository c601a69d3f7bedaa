/* clu_wire_test -- what a worker tells of its connections arrives as it was told, and is shown. */
#include "tests/cluster/clu_kit.h"

#include "cluster/clu_wire.h"

static struct clu_data_peer_stat peers[] = {
    { .worker = "b",
        .open = true,
        .counts = { .bytes_in = 1, .bytes_out = 2, .rows_out = 1000000 },
        .connections = 2,
        .channels = 4,
        .waiting = 1,
        .credits = 7 },
    { .worker = "c" },
};
static const struct clu_wire wire = { .all = { .counts = { .frames_in = 3, .batches_out = UINT64_MAX },
                                          .connections = 3,
                                          .broken = 1,
                                          .refused = 5,
                                          .open = 1 },
    .peers = peers,
    .n_peers = 2 };

/* -- over a link ------------------------------------------------------------------------------------------------------------ */

struct heard {
    struct clu_wire wire;
    atomic_bool came;
};

static void on_message(void *arg, struct clu_link *link, const Clu__Msg *msg) {
    struct heard *h = arg;
    (void)link;
    assert_int_equal(msg->body_case, CLU__MSG__BODY_WIRE);
    clu_wire_read(msg->wire, &h->wire);
    atomic_store(&h->came, true);
}

static void it_arrives_as_it_was_told(void **state) {
    struct clu_loop *loop = kit_loop();
    struct heard h = { .came = false };
    const struct clu_link_opts server_opts = { .fns = { .message = on_message }, .arg = &h },
                               client_opts = { .token = NULL };
    const struct clu_link_client me = {
        .worker = "a", .data_address = "127.0.0.1:1", .host = "h", .slots = 1
    };
    struct clu_link_server *server;
    struct clu_link *link;
    struct clu_link_stats stats;
    char address[32];
    (void)state;
    assert_int_equal(clu_link_listen(loop, "127.0.0.1:0", &server_opts, &server, NULL), CEP_OK);
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", clu_link_server_port(server));
    assert_int_equal(clu_link_connect(loop, address, &me, &client_opts, &link, NULL), CEP_OK);
    KIT_WAIT(clu_link_is_up(link));
    clu_wire_send(link, &wire);
    KIT_WAIT(atomic_load(&h.came));
    assert_int_equal(h.wire.n_peers, 2);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(h.wire.peers[i].worker, peers[i].worker);
        assert_int_equal(h.wire.peers[i].open, peers[i].open);
        assert_memory_equal(&h.wire.peers[i].counts, &peers[i].counts, sizeof peers[i].counts);
        assert_int_equal(h.wire.peers[i].connections, peers[i].connections);
        assert_int_equal(h.wire.peers[i].channels, peers[i].channels);
        assert_int_equal(h.wire.peers[i].waiting, peers[i].waiting);
        assert_int_equal(h.wire.peers[i].credits, peers[i].credits);
    }
    assert_memory_equal(&h.wire.all.counts, &wire.all.counts, sizeof wire.all.counts);
    assert_int_equal(h.wire.all.broken, 1);
    assert_int_equal(h.wire.all.refused, 5);
    assert_int_equal(h.wire.all.open, 1);
    clu_link_server_stats(server, &stats);
    assert_int_equal(stats.connections, 1);
    assert_int_equal(stats.open, 1);
    assert_true(stats.bytes_in > 0 && stats.bytes_out > 0);
    int fd = kit_connect(clu_link_server_port(server)); /* somebody who is no cepd */
    char answer[600];
    assert_int_equal(write(fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
    (void)kit_read_all(fd, answer, sizeof answer);
    close(fd);
    clu_link_close(link);
    KIT_WAIT((clu_link_server_stats(server, &stats), stats.open) == 0);
    assert_int_equal(stats.refused, 1);
    clu_wire_release(&h.wire);
    clu_link_server_close(server);
    clu_loop_stop(loop);
}

/* -- shown --------------------------------------------------------------------------------------------------------------------- */

static void has(struct base_buf *b, const char *text) {
    if (!strstr(base_buf_cstr(b), text))
        fail_msg("not there: %s\nin: %s", text, base_buf_cstr(b));
}

static void it_is_shown(void **state) {
    struct base_buf b = BASE_BUF_INIT;
    const char *workers[] = { "a", "b" };
    const struct clu_wire wires[] = { wire, { .n_peers = 0 } };
    (void)state;
    clu_wire_write_json(&wire, &b);
    has(&b, "\"frames-in\":3");
    has(&b, "\"batches-out\":18446744073709551615");
    has(&b, "\"refused\":5");
    has(&b, "\"peers\":[{\"worker\":\"b\",\"open\":true,\"bytes-in\":1,\"bytes-out\":2,");
    has(&b, "\"rows-out\":1000000,\"connections\":2,\"channels\":4,\"waiting\":1,\"credits\":7},{\"worker\":"
            "\"c\",\"open\":false,");
    base_buf_clear(&b);
    clu_wire_write_metrics(workers, wires, 2, &b);
    has(&b,
        "# TYPE cepd_wire_bytes_out_total counter\ncepd_wire_bytes_out_total{worker=\"a\",peer=\"b\"} 2.0\n"
        "cepd_wire_bytes_out_total{worker=\"a\",peer=\"c\"} 0.0\n# HELP");
    has(&b, "cepd_wire_channels_waiting{worker=\"a\",peer=\"b\"} 1.0\n");
    has(&b, "cepd_wire_refused_total{worker=\"a\"} 5.0\ncepd_wire_refused_total{worker=\"b\"} 0.0\n");
    base_buf_clear(&b);
    clu_wire_write_metrics(workers, wires, 0, &b);
    assert_int_equal(b.len, 0);
    clu_wire_write_control(&(struct clu_link_stats){ .lost = 4 }, &b);
    has(&b, "cepd_control_lost_total 4.0\n");
    base_buf_release(&b);
}

static void what_is_not_in_a_message_is_nothing(void **state) {
    Clu__Wire msg = CLU__WIRE__INIT;
    struct clu_wire got, copy;
    (void)state;
    clu_wire_read(&msg, &got);
    assert_int_equal(got.n_peers, 0);
    assert_int_equal(got.all.counts.bytes_in, 0);
    clu_wire_copy(&copy, &got);
    clu_wire_release(&copy);
    clu_wire_release(&got);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_arrives_as_it_was_told),
        cmocka_unit_test(it_is_shown),
        cmocka_unit_test(what_is_not_in_a_message_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

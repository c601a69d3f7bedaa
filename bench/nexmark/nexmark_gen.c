/*
 * nexmark_gen -- the events of the Nexmark benchmark: persons, auctions and bids of an auction house, as three NDJSON files.
 *
 *     nexmark_gen [--seed N] [--rate EVENTS_PER_SECOND] EVENTS FOLDER
 *
 * The distributions are those that the public generator describes (Nexmark of Apache Beam, after P. Tucker et al., "NEXMark -- A
 * Benchmark for Queries over Data Streams", 2002, and its continuation for Flink): of 50 events 1 is a person, 3 are auctions, 46
 * are bids; 1 of 2 bids goes to the hot auction, 3 of 4 come from the hot bidder, 3 of 4 auctions are of the hot seller, each of which is the
 * newest multiple of 100; prices are 100 * 10^[0, 6); an auction lasts as long as some 100 auctions are open. The numbers
 * drawn are this program's own (splitmix64, seed 0x6e65786d61726b unless told): the same on every machine.
 *
 * Time. Event n is at 2026-01-01T00:00:00Z + n / rate; 10,000 events a second, as there.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PERSONS = 1,
    AUCTIONS = 3,
    BIDS = 46,
    ALL = PERSONS + AUCTIONS + BIDS,
    FIRST_ID = 1000, /* of persons and auctions */
    FIRST_CATEGORY = 10,
    CATEGORIES = 5,
    HOT_STEP = 100,  /* the hot ones are multiples of it */
    HOT_AUCTION = 2, /* 1 in so many bids goes to a cold one */
    HOT_BIDDER = 4,
    HOT_SELLER = 4,
    HOT_CHANNEL = 2,
    CHANNELS = 10000,
    ACTIVE_PERSONS = 1000,
    IN_FLIGHT = 100, /* auctions */
    LEAD = 10,       /* ids may be used so much before they are given out */
};

static const int64_t base_us = INT64_C(1767225600000000); /* 2026-01-01T00:00:00Z */

struct gen {
    uint64_t random;
    uint64_t rate; /* events a second */
    FILE *persons, *auctions, *bids;
};

/* -- numbers ------------------------------------------------------------------------------------------------------------ */

static uint64_t draw(struct gen *g) {
    uint64_t z = g->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t below(struct gen *g, uint64_t n) {
    return (uint64_t)(((unsigned __int128)draw(g) * n) >> 64);
}

static int64_t price(struct gen *g) {
    double x = (double)(draw(g) >> 11) / 9007199254740992.0; /* [0, 1) */
    return (int64_t)llround(pow(10.0, x * 6.0) * 100.0);
}

/* -- which ones there are ----------------------------------------------------------------------------------------------- */

static int64_t time_us(const struct gen *g, uint64_t event) {
    return base_us + (int64_t)(event * UINT64_C(1000000) / g->rate);
}

/* The number (from 0) of the last person before or at the event. */
static uint64_t last_person(uint64_t event) {
    return event / ALL * PERSONS + (event % ALL < PERSONS ? event % ALL : PERSONS - 1);
}

static uint64_t last_auction(uint64_t event) {
    uint64_t epoch = event / ALL, offset = event % ALL;
    if (offset < PERSONS) /* the last of the epoch before */
        return epoch == 0 ? 0 : epoch * AUCTIONS - 1;
    offset -= PERSONS;
    return epoch * AUCTIONS + (offset < AUCTIONS ? offset : AUCTIONS - 1);
}

static uint64_t some_person(struct gen *g, uint64_t event) {
    uint64_t last = last_person(event) + 1, active = last < ACTIVE_PERSONS ? last : ACTIVE_PERSONS;
    return last - active + below(g, active + LEAD);
}

static uint64_t some_auction(struct gen *g, uint64_t event) {
    uint64_t last = last_auction(event), first = last > IN_FLIGHT ? last - IN_FLIGHT : 0;
    return first + below(g, last - first + 1 + LEAD);
}

/* How long an auction that begins with the event is open. */
static int64_t length_us(struct gen *g, uint64_t event) {
    uint64_t ahead = (uint64_t)IN_FLIGHT * ALL / AUCTIONS;
    int64_t horizon_ms = (time_us(g, event + ahead) - time_us(g, event)) / 1000;
    return 1000 + (int64_t)below(g, horizon_ms > 0 ? (uint64_t)horizon_ms * 2 : 1) * 1000;
}

/* -- text ----------------------------------------------------------------------------------------------------------------- */

static void write_time(FILE *f, int64_t us) {
    (void)fprintf(f, "%" PRId64, us / 1000); /* epoch_ms */
}

static void letters(struct gen *g, FILE *f, uint64_t n) {
    for (uint64_t bits = 0; n > 0; n--) {
        if (bits < 32)
            bits = draw(g) | UINT64_C(1) << 63;
        (void)fputc('a' + (int)(bits % 26), f);
        bits /= 26;
    }
}

static void text(struct gen *g, FILE *f, uint64_t at_most) {
    letters(g, f, 3 + below(g, at_most - 3));
}

/* As long as makes the event about `size` bytes. */
static void extra(struct gen *g, FILE *f, uint64_t have, uint64_t size) {
    if (size <= have)
        return;
    uint64_t d = (uint64_t)llround((double)(size - have) * 0.2);
    letters(g, f, size - have - d + below(g, 2 * d + 1));
}

#define PICK(g, list) (list)[below(g, sizeof(list) / sizeof *(list))]

static void make_person(struct gen *g, uint64_t event) {
    static const char *const first[] = { "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie",
        "Sarah", "Deiter", "Walter" };
    static const char *const last[] = { "Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith",
        "Jones", "Noris" };
    static const char *const states[] = { "AZ", "CA", "ID", "OR", "WA", "WY" };
    static const char *const cities[] = { "Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland",
        "Bend", "Redmond", "Seattle", "Kent", "Cheyenne" };
    FILE *f = g->persons;
    (void)fprintf(f, "{\"id\":%" PRIu64 ",\"name\":\"%s %s\",\"email\":\"", last_person(event) + FIRST_ID,
        PICK(g, first), PICK(g, last));
    text(g, f, 7);
    (void)fputs("@", f);
    text(g, f, 5);
    (void)fputs(".com\",\"card\":\"", f);
    for (int i = 0; i < 4; i++)
        (void)fprintf(f, "%s%04u", i ? " " : "", (unsigned)below(g, 10000));
    (void)fprintf(f, "\",\"city\":\"%s\",\"state\":\"%s\",\"at\":", PICK(g, cities), PICK(g, states));
    write_time(f, time_us(g, event));
    (void)fputs(",\"extra\":\"", f);
    extra(g, f, 100, 200);
    (void)fputs("\"}\n", f);
}

static void make_auction(struct gen *g, uint64_t event) {
    FILE *f = g->auctions;
    int64_t begun = time_us(g, event), initial = price(g), reserve = initial + price(g);
    uint64_t seller = below(g, HOT_SELLER) > 0 ? last_person(event) / HOT_STEP * HOT_STEP
                                               : some_person(g, event);
    (void)fprintf(f, "{\"id\":%" PRIu64 ",\"item\":\"", last_auction(event) + FIRST_ID);
    text(g, f, 20);
    (void)fputs("\",\"description\":\"", f);
    text(g, f, 100);
    (void)fprintf(f, "\",\"initial\":%" PRId64 ",\"reserve\":%" PRId64 ",\"at\":", initial, reserve);
    write_time(f, begun);
    (void)fputs(",\"expires\":", f);
    write_time(f, begun + length_us(g, event));
    (void)fprintf(f, ",\"seller\":%" PRIu64 ",\"category\":%u,\"extra\":\"", seller + FIRST_ID,
        (unsigned)(FIRST_CATEGORY + below(g, CATEGORIES)));
    extra(g, f, 200, 500);
    (void)fputs("\"}\n", f);
}

static void write_channel(struct gen *g, FILE *f) {
    static const char *const hot[] = { "Google", "Facebook", "Baidu", "Apple" };
    if (below(g, HOT_CHANNEL) > 0) {
        uint64_t i = below(g, sizeof hot / sizeof *hot);
        (void)fprintf(f, "%s\",\"url\":\"https://www.nexmark.com/hot/%s/item.htm?query=1", hot[i], hot[i]);
        return;
    }
    uint64_t n = below(g, CHANNELS);
    struct gen own = { .random = n }; /* a channel has one address */
    (void)fprintf(f, "channel-%" PRIu64 "\",\"url\":\"https://www.nexmark.com/", n);
    for (int i = 0; i < 3; i++) {
        letters(&own, f, 5);
        (void)fputc('/', f);
    }
    (void)fputs("item.htm?query=1", f);
    if (below(&own, 10) > 0)
        (void)fprintf(f, "&channel_id=%" PRIu64, below(&own, UINT64_C(1) << 31));
}

static void make_bid(struct gen *g, uint64_t event) {
    FILE *f = g->bids;
    uint64_t auction = below(g, HOT_AUCTION) > 0 ? last_auction(event) / HOT_STEP * HOT_STEP
                                                 : some_auction(g, event);
    uint64_t bidder = below(g, HOT_BIDDER) > 0 ? last_person(event) / HOT_STEP * HOT_STEP + 1
                                               : some_person(g, event);
    (void)fprintf(f, "{\"auction\":%" PRIu64 ",\"bidder\":%" PRIu64 ",\"price\":%" PRId64 ",\"channel\":\"",
        auction + FIRST_ID, bidder + FIRST_ID, price(g));
    write_channel(g, f);
    (void)fputs("\",\"at\":", f);
    write_time(f, time_us(g, event));
    (void)fputs(",\"extra\":\"", f);
    extra(g, f, 32, 100);
    (void)fputs("\"}\n", f);
}

/* -- the program ---------------------------------------------------------------------------------------------------------- */

static FILE *create(const char *folder, const char *name) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s.ndjson", folder, name);
    FILE *f = fopen(path, "w");
    if (!f)
        (void)fprintf(stderr, "nexmark_gen: could not write %s: %s\n", path, strerror(errno));
    return f;
}

static bool finish(FILE *f, const char *name) {
    bool fine = f && ferror(f) == 0;
    if (f && fclose(f) != 0)
        fine = false;
    if (f && !fine)
        (void)fprintf(stderr, "nexmark_gen: could not write %s.ndjson\n", name);
    return fine;
}

static bool number(const char *s, uint64_t *out) {
    char *end;
    errno = 0;
    *out = strtoull(s, &end, 0);
    return errno == 0 && *end == '\0' && end != s;
}

int main(int argc, char **argv) {
    struct gen g = { .random = UINT64_C(0x6e65786d61726b), .rate = 10000 };
    uint64_t n = 0;
    int i = 1;
    for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        uint64_t *to = strcmp(argv[i], "--seed") == 0   ? &g.random
                       : strcmp(argv[i], "--rate") == 0 ? &g.rate
                                                        : NULL;
        if (!to || !number(argv[i + 1], to))
            break;
    }
    if (argc - i != 2 || !number(argv[i], &n) || g.rate == 0) {
        (void)fprintf(stderr, "usage: nexmark_gen [--seed N] [--rate EVENTS_PER_SECOND] EVENTS FOLDER\n");
        return 1;
    }
    g.persons = create(argv[i + 1], "person");
    g.auctions = create(argv[i + 1], "auction");
    g.bids = create(argv[i + 1], "bid");
    for (uint64_t e = 0; e < n && g.persons && g.auctions && g.bids; e++) {
        if (e % ALL < PERSONS)
            make_person(&g, e);
        else if (e % ALL < PERSONS + AUCTIONS)
            make_auction(&g, e);
        else
            make_bid(&g, e);
    }
    bool fine = finish(g.persons, "person");
    fine = finish(g.auctions, "auction") && fine;
    return finish(g.bids, "bid") && fine ? 0 : 1;
}

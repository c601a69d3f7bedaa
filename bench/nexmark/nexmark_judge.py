"""What the Nexmark queries should give, computed slowly by SQLite on the same files: nothing of the engine is used.

expected(folder, query) is the list of rows of qN.pattern as sorted tuples, in the order of its columns; judge(folder, query, file) says
what is wrong with a file of results ("" = nothing).
"""
import json
import math
import pathlib
import sqlite3
import time

SIDE_KEYS = 10000
BASE_MS = 1767225600000

TABLES = {
    "person": "id int, name text, email text, card text, city text, state text, at int, extra text",
    "auction": "id int, item text, description text, initial int, reserve int, at int, expires int, seller int, category int, extra text",
    "bid": "auction int, bidder int, price int, channel text, url text, at int, extra text",
    "side": "key int, value text, at int",
}

RANK = "sum({0} < 10000), sum({0} >= 10000 and {0} < 1000000), sum({0} >= 1000000)"


def distinct(x):
    return (f"count(distinct {x}), count(distinct case when price < 10000 then {x} end), "
            f"count(distinct case when price >= 10000 and price < 1000000 then {x} end), "
            f"count(distinct case when price >= 1000000 then {x} end)")


# Times come out as milliseconds in columns called at, *_at, *time, expires. Windows of 1 d and 10 s begin at multiples of them.
QUERIES = {
    0: "select auction, bidder, price, at, extra from bid",
    1: "select auction, bidder, 0.908 * price, at, extra from bid",
    2: "select auction, price from bid where auction % 123 = 0",
    3: "select p.name, p.city, p.state, a.id from auction a join person p on p.id = a.seller where a.category = 10 and "
       "p.state in ('OR', 'ID', 'CA')",
    4: "select category, avg(final) from (select a.id, a.category, max(b.price) as final from auction a join bid b on b.auction = a.id "
       "and b.at between a.at and a.expires group by a.id, a.category) group by category",
    7: "select b.auction, b.price, b.bidder, b.at, b.extra from bid b join (select max(price) as price, at / 10000 as w from bid group by "
       "at / 10000) m on m.price = b.price and m.w = b.at / 10000",
    8: "select distinct p.id, p.name, p.at / 10000 * 10000 from person p join auction a on a.seller = p.id and a.at / 10000 = p.at / 10000",
    9: "select w.id, a.item, a.seller, a.category, min(b.at), w.price from (select a.id, max(b.price) as price from auction a join bid b on "
       "b.auction = a.id and b.at between a.at and a.expires group by a.id) w join auction a on a.id = w.id join bid b on b.auction = w.id and "
       "b.price = w.price and b.at between a.at and a.expires group by w.id",
    10: "select auction, bidder, price, at, extra, strftime('%Y-%m-%d', at / 1000, 'unixepoch'), strftime('%H:%M', at / 1000, 'unixepoch') "
        "from bid",
    13: "select b.auction, b.bidder, b.price, b.at, s.value from bid b join side s on s.key = b.auction % 10000",
    14: "select auction, bidder, 0.908 * price, case when hour between 8 and 18 then 'dayTime' when hour <= 6 or hour >= 20 then "
        "'nightTime' else 'otherTime' end, at, extra, length(extra) - length(replace(extra, 'c', '')) from "
        "(select *, at / 3600000 % 24 as hour from bid) where 0.908 * price > 1000000 and 0.908 * price < 50000000",
    15: f"select strftime('%Y-%m-%d', at / 1000, 'unixepoch') as day, count(*), {RANK.format('price')}, {distinct('bidder')}, "
        f"{distinct('auction')} from bid group by day",
    16: "select channel, strftime('%Y-%m-%d', at / 1000, 'unixepoch') as day, max(strftime('%H:%M', at / 1000, 'unixepoch')), count(*), "
        f"{RANK.format('price')}, count(distinct bidder), count(distinct auction) from bid group by channel, day",
    17: f"select auction, strftime('%Y-%m-%d', at / 1000, 'unixepoch') as day, count(*), {RANK.format('price')}, min(price), max(price), "
        "avg(price), sum(price) from bid group by auction, day",
    18: "select auction, bidder, price, channel, at from (select *, row_number() over (partition by auction, bidder order by at desc, "
        "rowid desc) as n from bid) where n = 1",
    20: "select b.auction, b.bidder, b.price, b.channel, b.url, b.at, a.item, a.initial, a.reserve, a.at, a.expires, a.seller from bid b "
        "join auction a on a.id = b.auction where a.category = 10",
    21: "select auction, bidder, price, channel, channel_id from (select *, case lower(channel) when 'apple' then '0' when 'google' then '1' "
        "when 'facebook' then '2' when 'baidu' then '3' else case when instr(url, '&channel_id=') > 0 then "
        "substr(url, instr(url, '&channel_id=') + 12) end end as channel_id from bid) where channel_id is not null",
    22: "select auction, bidder, price, channel, part(url, 3), part(url, 4), part(url, 5) from bid",
}

# Only how the rows are told apart: the machine's clock decides the windows of q12.
BY_HAND = (5, 11, 12)


def load(folder):
    db = sqlite3.connect(":memory:")
    db.create_function("part", 2, lambda s, n: (s.split("/") + [""] * 6)[n], deterministic=True)
    for table, columns in TABLES.items():
        path = pathlib.Path(folder) / f"{table}.ndjson"
        names = [c.split()[0] for c in columns.split(", ")]
        db.execute(f"create table {table} ({columns})")
        with open(path) as f:
            rows = (json.loads(line) for line in f)
            db.executemany(f"insert into {table} values ({', '.join('?' * len(names))})", ([r[n] for n in names] for r in rows))
    for index in ("auction_id on auction (id)", "bid_auction on bid (auction)", "person_id on person (id)", "side_key on side (key)"):
        db.execute(f"create index {index}")
    return db


def write_side(folder):
    """The side input of q13: it is there before the first bid."""
    with open(pathlib.Path(folder) / "side.ndjson", "w") as f:
        for key in range(SIDE_KEYS):
            f.write(json.dumps({"key": key, "value": f"side-{key * 7919 % 10007}", "at": BASE_MS - 1000}) + "\n")


def sessions(db):
    rows = []
    for bidder, times in by_key(db.execute("select bidder, at from bid order by bidder, at")).items():
        first = last = times[0]
        n = 0
        for t in [*times, math.inf]:
            if t - last > 10000:
                rows.append((bidder, n, first, last + 10000))
                first, n = t, 0
            last = t
            n += 1
    return rows


def by_key(pairs):
    out = {}
    for k, v in pairs:
        out.setdefault(k, []).append(v)
    return out


def hot_items(db):
    counts = {}
    for auction, at in db.execute("select auction, at from bid"):
        for end in range(at // 2000 * 2000 + 2000, at + 10001, 2000):
            counts.setdefault(end, {}).setdefault(auction, 0)
            counts[end][auction] += 1
    return [(a, n, end - 10000, end) for end, of in counts.items() for a, n in of.items() if n == max(of.values())]


def expected(db, query):
    if query == 5:
        return sorted(hot_items(db))
    if query == 11:
        return sorted(sessions(db))
    if query == 12:
        return sorted(db.execute("select bidder, count(*) from bid group by bidder"))
    return sorted(db.execute(QUERIES[query]), key=repr)


def stamp(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + (f".{ms % 1000:03d}" if ms % 1000 else "") + "Z"


def is_time(name):
    return name in ("at", "expires") or name.endswith("_at") or name.endswith("time")


def same(got, want, names):
    for g, w, name in zip(got, want, names):
        if is_time(name):
            w = stamp(w)
        if isinstance(w, float):
            if not math.isclose(g, w, rel_tol=1e-12):
                return False
        elif g != w:
            return False
    return True


def judge(db, query, files):
    """files: what the query wrote."""
    rows = [json.loads(line) for path in files for line in pathlib.Path(path).read_text().splitlines()]
    want = expected(db, query)
    if query == 12:
        total = {}
        for r in rows:
            total[r["bidder"]] = total.get(r["bidder"], 0) + r["bid_count"]
        return "" if sorted(total.items()) == want else "counts by bidder differ"
    if len(rows) != len(want):
        return f"{len(rows)} rows, not {len(want)}"
    names = list(rows[0]) if rows else []
    if rows and len(names) != len(want[0]):
        return f"{len(names)} columns, not {len(want[0])}"
    shown = sorted((tuple(stamp(v) if is_time(n) else v for n, v in zip(names, w)), w) for w in want) if rows else []
    got = sorted(tuple(r.values()) for r in rows)
    for g, (_, w) in zip(got, shown):
        if not same(g, w, names):
            return f"{g}\n  where\n  {w}\n  is expected"
    return ""

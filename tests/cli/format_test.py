#!/usr/bin/env python3
"""A reader of savepoints in another language, written from doc/savepoint-format.md alone; held against `cepd state show --json`.

    format_test.py                   the test
    format_test.py FOLDER            lists what a savepoint holds, as JSON
"""
import datetime
import decimal
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import time

TIME_NONE, TIME_END = -2**63, 2**63 - 1


class Damaged(Exception):
    pass


class Reader:
    """Numbers and strings."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, n):
        if self.at + n > len(self.data):
            raise Damaged("cut")
        self.at += n
        return self.data[self.at - n:self.at]

    def u8(self):
        return self.bytes(1)[0]

    def u32(self):
        return struct.unpack("<I", self.bytes(4))[0]

    def u64(self):
        return struct.unpack("<Q", self.bytes(8))[0]

    def varint(self):
        value = shift = 0
        while True:
            b = self.u8()
            value |= (b & 127) << shift
            shift += 7
            if b < 128:
                return value

    def zigzag(self):
        v = self.varint()
        return v >> 1 ^ -(v & 1)

    def str(self):
        return self.bytes(self.varint())

    def text(self):
        return self.str().decode()

    def many(self, read):
        return [read() for _ in range(self.varint())]

    def at_end(self):
        return self.at == len(self.data)

    def end(self):
        if not self.at_end():
            raise Damaged("something is left")


KINDS = ["null", "bool", "int", "double", "string", "bytes", "timestamp", "duration", "decimal", "array", "row"]


def read_type(r):
    kind = KINDS[r.u8()]
    if kind == "decimal":
        return kind, r.u8(), r.u8()
    if kind == "array":
        return kind, read_type(r)
    if kind == "row":
        return kind, r.many(lambda: read_column(r))
    return (kind,)


def read_column(r):
    name, not_null = r.text(), r.u8()
    return name, read_type(r), not_null


def read_schema(r):
    n, visible = r.varint(), r.varint()
    return [read_column(r) for _ in range(n)], visible


def time_text(us):
    if us in (TIME_NONE, TIME_END):
        return None
    at = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=us)
    part = f".{at.microsecond:06d}" if at.microsecond % 1000 else f".{at.microsecond // 1000:03d}" if at.microsecond else ""
    return at.strftime("%Y-%m-%dT%H:%M:%S") + part + "Z"


def read_value(r, type):
    if r.u8() == 0:
        return None
    kind = type[0]
    if kind == "bool":
        return bool(r.u8())
    if kind in ("int", "duration"):
        return r.zigzag()
    if kind == "timestamp":
        return time_text(r.zigzag())
    if kind == "double":
        return struct.unpack("<d", r.bytes(8))[0]
    if kind == "decimal":
        return str(decimal.Decimal(int.from_bytes(r.bytes(16), "little", signed=True)).scaleb(-type[2]))
    if kind == "string":
        return r.text()
    if kind == "bytes":
        return r.str().hex()
    if kind == "array":
        return r.many(lambda: read_value(r, type[1]))
    return {name: read_value(r, t) for name, t, _ in type[1]}


def read_row(r, schema):
    row = {"$time": r.zigzag(), "$origin": r.varint(), "$position": r.varint()}
    row.update({name: read_value(r, t) for name, t, _ in schema[0]})
    return row


def read_canonical(r, type):
    if r.u8() == 0:
        return None
    kind = type[0]
    if kind == "bool":
        return bool(r.u8())
    if kind in ("int", "timestamp", "duration"):
        return struct.unpack("<q", r.bytes(8))[0]
    if kind == "double":
        return struct.unpack("<d", r.bytes(8))[0]
    if kind == "decimal":
        return int.from_bytes(r.bytes(16), "little", signed=True)
    if kind in ("string", "bytes"):
        return r.bytes(r.u32()).decode()
    if kind == "array":
        return [read_canonical(r, type[1]) for _ in range(r.u32())]
    return [read_canonical(r, t) for _, t, _ in type[1]]


# -- the folder ------------------------------------------------------------------------------------------------------------


def read_manifest(data):
    r = Reader(data)
    if r.bytes(7) != b"cepdmf\0" or r.u8() != 1:
        raise Damaged("no MANIFEST of version 1")
    m = {"kind": r.text(), "id": r.varint(), "time": r.zigzag()}
    m["files"] = r.many(lambda: {"name": r.text(), "shared": r.u8(), "length": r.varint(), "low": r.u64(), "high": r.u64()})
    r.u64()
    r.end()
    return m


def parts_of(data):
    """The parts of a file: one, or several small ones."""
    r = Reader(data)
    if data[:7] != b"cepdpk\0":
        return [data]
    if r.bytes(8)[7] != 1:
        raise Damaged("no pack of version 1")
    parts = []
    while not r.at_end():
        parts.append(r.str())
    return parts


def read_part(data):
    r = Reader(data)
    if r.bytes(7) != b"cepdst\0" or r.u8() != 1:
        raise Damaged("no part of version 1")
    part = {"kind": r.text(), "name": r.text(), "subtask": r.varint(), "subtasks": r.varint(), "entries": []}
    while r.u8() == 1:
        part["entries"].append({"ns": r.varint(), "group": r.varint() - 1, "key": r.str(), "value": r.str()})
    r.end()
    return part


# -- operators ---------------------------------------------------------------------------------------------------------------


def read_source(part):
    out = {"partitions": {}}
    for e in part["entries"]:
        r = Reader(e["value"])
        if e["ns"] == 0:
            r.u8()
            out["watermark"] = r.zigzag()
            r.zigzag()
        else:
            p = out["partitions"].setdefault(Reader(e["key"]).u32(), {})
            if e["ns"] == 1:
                p["watermark"], p["ended"] = r.zigzag(), bool(r.u8())
            else:
                p["name"], p["position"], p["done"] = r.text(), r.varint(), bool(r.u8())
                r.str()
        r.end()
    return out


class Pattern:
    def __init__(self, r):
        version = r.u8()
        if version not in (1, 2, 3):
            raise Damaged("META of another version")
        self.watermark = r.zigzag()
        if version >= 3:
            r.varint(), r.varint()
        self.fingerprint = r.u64()
        self.within, self.within_us = r.u8(), r.zigzag()
        self.keys = r.many(lambda: (r.text(), read_type(r), r.u64()))
        self.vars = r.many(r.text)
        self.inputs = r.many(lambda: (r.text(), read_schema(r)))
        self.kept = r.many(lambda: (r.text(), read_type(r)))
        self.states = r.many(lambda: (r.u64(), r.text(), r.zigzag()))
        self.bits = r.many(r.u64)
        self.aggs = r.many(lambda: self.read_agg(r))
        r.end()

    @staticmethod
    def read_agg(r):
        meaning, text, kind = r.u64(), r.text(), r.u8()
        return meaning, text, kind, read_type(r) if kind == 3 else None

    def read_event(self, r):
        stream = r.varint()
        r.varint(), r.varint()
        return {"stream": self.inputs[stream][0], "order": r.varint(), "time": r.zigzag(),
                "values": {name: read_value(r, t) for name, t in self.kept}}

    def read_aggs(self, r):
        for _, _, kind, type in self.aggs:
            r.varint(), r.u8()
            if kind == 1:
                r.u64()
            elif kind in (2, 4):
                r.u64(), r.u64()
            elif kind == 3:
                read_value(r, type)

    def read_key(self, r):
        store = r.u8()
        if store & 128:
            r.zigzag()
        store &= 127
        key = {"key": ",".join(str(read_value(r, t)) for _, t, _ in self.keys)}
        r.varint(), r.zigzag(), r.varint()
        events = r.many(lambda: self.read_event(r))
        for _ in self.inputs:
            r.many(r.varint)
        key["store"] = {1: "runs", 2: "graph", 3: "fates", 12: "graph"}[store]
        open_ones, complete = {1: self.read_runs, 2: self.read_graph, 3: self.read_fates, 12: self.read_settling}[store](r, events)
        r.end()
        tell = lambda steps: [{"variable": self.vars[v], "stream": events[e]["stream"], "time": time_text(events[e]["time"]),
                               "values": {k: x for k, x in events[e]["values"].items() if x is not None}} for v, e in steps]
        key["partial_matches"] = [
            {"complete": False, "states": [self.states[s][1] for s in states], "events": tell(steps),
             "deadline": time_text(self.deadline(states, [events[e]["time"] for _, e in steps]))} for states, steps in open_ones
        ] + [{"complete": True, "states": [], "events": tell(steps), "deadline": None} for steps in complete]
        return key

    def deadline(self, states, times):
        whole = times[0] + self.within_us if self.within == 1 else TIME_END
        bounds = [times[-1] + self.states[s][2] if self.states[s][2] >= 0 else TIME_END for s in states]
        return min(whole, max(bounds))

    def read_runs(self, r, events):
        links = r.many(lambda: (r.varint(), r.varint(), r.varint()))

        def chain(last, start):
            steps, at = [], last
            while True:
                var, event, before = links[at]
                steps.insert(0, (var, event))
                if events[event]["order"] == start:
                    return steps
                at = before - 1

        def read_run():
            run = r.varint(), r.varint(), r.varint()
            self.read_aggs(r)
            return run

        open_ones = []
        for _ in range(r.varint()):
            start = r.varint()
            r.zigzag()
            runs = r.many(read_run)
            open_ones += [([state], chain(last, start)) for state, last, _ in runs]
            for order, _, _ in r.many(lambda: (r.varint(), r.zigzag(), r.varint())):
                open_ones += [([state], chain(last, order)) for state, last, shares in runs if order <= shares]
        r.many(lambda: (r.varint(), r.u8(), r.many(lambda: (r.varint(), r.u64()))))
        r.many(r.varint)
        done = r.many(lambda: (r.varint(), r.varint(), r.varint(), r.zigzag(), r.varint()))
        return open_ones, [chain(last, start) for last, _, start, _, _ in done]

    def read_settling(self, r, events):
        flags = r.u8()
        if flags & 1:
            r.many(r.varint)
            r.many(lambda: [r.varint() for _ in range(4)])
        open_ones, _ = self.read_graph(r, events, flags & 1, flags & 2)
        r.many(r.varint)
        trails = [None]
        for _ in range(r.varint()):
            step, following = (r.varint(), r.varint()), r.varint()
            trails.append([step] + (trails[following] or []))
        complete = [trails[t] for t, _ in r.many(lambda: (r.varint(), r.varint()))]
        return open_ones, complete

    @staticmethod
    def read_graph(r, events, spans=False, times=False):
        starts = r.many(lambda: (r.varint(), r.varint(), r.varint() if spans else 0))
        cells = [None]

        def read_cell():
            kind = r.u8()
            if kind in (0, 2):
                own = [[starts[r.varint()][:2]]]
            elif kind == 1:
                step, below = (r.varint(), r.varint()), r.varint()
                own = [steps + [step] for steps in cells[below]]
                if spans:
                    r.many(r.varint) if times else r.varint()
            else:
                own = cells[r.varint()]
            rest = r.varint()
            cells.append(own + (cells[rest] if rest else []))

        r.many(read_cell)
        out = []

        def read_list(states):
            if times and r.u8():
                r.zigzag()
            cell = r.varint()
            out.extend((states, steps) for steps in (cells[cell] if cell else []))
            if spans:
                r.varint()

        for _ in range(r.varint()):
            states = r.many(r.varint)
            r.many(lambda: read_list(states)) if times else read_list(states)
        return out, []

    @staticmethod
    def read_fates(r, events):
        r.varint()
        dets = r.many(lambda: r.many(r.varint))

        def read_how():
            completes = r.u8()
            if completes:
                return [(r.varint(), r.varint() + 1 if completes == 1 else 0)]
            return r.many(lambda: (r.varint(), r.varint()))

        hows = r.many(read_how)
        r.many(r.varint)
        fates = r.many(lambda: (r.varint(), None)[1] if r.u8() else r.many(lambda: dets[r.varint() // 2]))
        hops = []

        def read_hop():
            how = r.varint()
            event, following = (r.varint(), r.varint()) if how else (0, 0)
            hops.append((how, event, following, r.varint() if not following else None))

        r.many(read_hop)
        open_ones, complete = [], []
        for _ in range(r.varint()):
            start, first, hop = r.varint(), hows[r.varint()], r.varint()
            way, fate = [], r.varint() if not hop else None
            while hop:
                way.append(hops[hop - 1])
                fate, hop = way[-1][3], way[-1][2]
            for entry in range(1 if fates[fate] is None else len(fates[fate])):
                steps, e = [], entry
                for how, event, _, _ in reversed(way):
                    if how:
                        source, var = hows[how - 1][e]
                        if var:
                            steps.insert(0, (var - 1, event - 1))
                        e = source
                steps.insert(0, (first[e][1] - 1, start))
                if fates[fate] is None:
                    complete.append(steps)
                else:
                    open_ones.append((fates[fate][entry], steps))
        return open_ones, complete


def read_pattern(part):
    out = {"keys": [], "rows": 0}
    for e in part["entries"]:
        r = Reader(e["value"])
        if e["ns"] == 0:
            out["pattern"] = Pattern(r)
        elif e["ns"] == 1:
            key = out["pattern"].read_key(r)
            k = Reader(e["key"])
            canonical = [read_canonical(k, t) for _, t, _ in out["pattern"].keys]
            k.end()
            if ",".join(map(str, canonical)) != key["key"]:
                raise Damaged("an entry's key is not that of its value")
            out["keys"].append(key)
        else:
            read_row(r, out["pattern"].inputs[r.varint()][1])
            r.end()
            out["rows"] += 1
    return out


def read_alert(part):
    out = {"identities": [], "rows": 0}
    for e in part["entries"]:
        r = Reader(e["value"])
        if e["ns"] == 0:
            r.varint(), r.varint()
            by, rows = Reader(r.str()), Reader(r.str())
            types, schemas = [], []
            while not by.at_end():
                types.append(read_type(by))
            while not rows.at_end():
                schemas.append(read_schema(rows))
        elif e["ns"] == 1:
            k = Reader(e["key"])
            life = {"identity": ",".join(str(read_canonical(k, t)) for t in types), "last": time_text(r.zigzag()),
                    "deadline": time_text(r.zigzag()), "firing": bool(r.u8())}
            k.end()
            if life["firing"]:
                life["message"] = read_row(r, schemas[-1])["message"]
            out["identities"].append(life)
        else:
            read_row(r, schemas[0] if r.varint() == 0 else schemas[1])
            out["rows"] += 1
        r.end()
    return out


def read_sink(part):
    out = {"holds": []}
    for e in part["entries"]:
        r = Reader(e["value"])
        if r.u8() != 1:
            raise Damaged("a sink's state of another version")
        connector = r.text()
        held = {"connector": connector}
        if connector == "file" and not r.at_end():
            kind = r.varint()
            held["path"] = r.text()
            if kind == 0:
                held["length"] = r.varint()
                r.varint(), r.varint(), r.u64()
            else:
                r.varint(), r.varint()
                held["parts"] = r.many(lambda: (r.varint(), r.varint()))
                if r.varint():
                    held["open"] = r.varint(), r.varint()
        elif connector in ("http", "tcp"):
            held["records"] = 0
            while not r.at_end():
                r.str()
                held["records"] += 1
        r.end()
        out["holds"].append(held)
    return out


def read_place(r):
    return r.zigzag(), r.varint(), r.varint()


def accumulator(r, form, arg):
    n = r.varint()
    r.u8()
    if n and form in (1, 2, 3):
        r.u64(), r.u64()
    elif n and form == 4:
        read_place(r), read_value(r, arg)
    elif n and form == 5:
        r.many(r.str)
    elif n and form == 6:
        r.many(lambda: (read_place(r), read_value(r, arg)))
    elif n and form == 7:
        r.varint(), r.zigzag(), r.u64(), r.many(r.u64)
        r.many(lambda: (read_place(r), read_value(r, arg)))
        r.many(lambda: (r.u64(), r.varint(), r.varint()))
    elif n and form == 8:
        if r.u8() != 14:
            raise Damaged("registers of another size")
        if r.u8():
            for _ in range(1 << 14):
                r.u8()
        else:
            r.many(r.varint)
    elif n and form == 9:
        r.u64(), r.u64(), r.varint()
        for _ in range(2):
            r.many(lambda: (r.zigzag(), r.varint()))
    elif n and form == 10:
        r.many(lambda: (r.zigzag(), read_value(r, arg)))
    elif n and form == 11:
        r.str()


def read_given(r):
    kind = r.u8()
    if kind == 2:
        r.zigzag(), r.zigzag()
    if kind:
        r.str()


def read_over(part):
    out = {"groups": 0, "rows": 0}

    def frame_row(r, arg):
        r.u8()
        has_arg = r.u8()
        read_place(r)
        if has_arg:
            read_value(r, arg)

    for e in part["entries"]:
        r = Reader(e["value"])
        if e["ns"] == 0:
            out["watermark"] = r.zigzag()
            r.str()
            keys = r.many(lambda: read_type(r))
            calls = r.many(lambda: (None if r.u8() else r.u8(), read_type(r) if r.u8() else None))
        elif e["ns"] == 1:
            k = Reader(e["key"])
            values = [read_value(r, t) for t in keys]
            if [read_canonical(k, t) for t in keys] != values:
                raise Damaged("a key is not that of its value")
            k.end()
            r.zigzag()
            for form, arg in calls:
                if form is None:
                    r.many(lambda: frame_row(r, arg))
                    r.varint()
                else:
                    accumulator(r, form, arg)
            out["groups"] += 1
        else:
            s = Reader(r.str())
            schema = read_schema(s)
            s.end()
            read_row(r, schema)
            out["rows"] += 1
        r.end()
    return out


def read_aggregate(part):
    out = {"groups": 0, "rows": 0}

    for e in part["entries"]:
        r = Reader(e["value"])
        if e["ns"] == 0:
            out["watermark"] = r.zigzag()
            r.str()
            window, s = r.u8(), Reader(r.str())
            schema = read_schema(s)
            s.end()
            keys = [t for _, t, _ in schema[0][:r.varint()]]
            accs = r.many(lambda: (r.u8(), read_type(r) if r.u8() else None))
            all_of_them = lambda r: [accumulator(r, form, arg) for form, arg in accs]
            changes, marked = (0, 0) if r.at_end() else (r.u8(), r.u8())
        elif e["ns"] == 4:
            k = Reader(e["key"])
            if k.u32() != e["group"]:
                raise Damaged("a key group that is ahead is not where it belongs")
            k.end()
            r.zigzag()
        elif e["ns"] in (1, 3):
            k = Reader(e["key"])
            k.zigzag()
            values = [read_value(r, t) for t in keys]
            if [read_canonical(k, t) for t in keys] != values:
                raise Damaged("a group's key is not that of its value")
            k.end()
            r.zigzag(), r.varint()
            if e["ns"] == 3:
                read_given(r)
                r.end()
                continue
            if window in (1, 2):
                r.zigzag(), r.u8(), r.varint(), all_of_them(r)
            elif window == 3:
                r.zigzag(), r.zigzag(), r.u8(), r.u8(), r.varint(), all_of_them(r)
            elif window == 4:
                r.varint(), r.varint(), r.many(lambda: (r.zigzag(), r.zigzag(), all_of_them(r)))
            else:
                r.u8(), r.varint(), r.zigzag(), all_of_them(r)
                if marked:
                    r.zigzag()
            if changes and window not in (2, 4):
                read_given(r)
            out["groups"] += 1
        else:
            read_row(r, schema)
            out["rows"] += 1
        r.end()
    return out


def read_channel(part):
    out = {"rows": 0}
    for e in part["entries"]:
        r = Reader(e["value"])
        if e["ns"] == 0:
            r.varint()
            r.many(lambda: (r.u8(), r.str(), r.varint()))
            s = Reader(r.str())
            schema = read_schema(s)
            s.end()
        else:
            out["rows"] += len(r.many(lambda: read_row(r, schema)))
        r.end()
    return out


READERS = {"aggregate": read_aggregate, "over": read_over, "channel": read_channel, "source": read_source, "pattern": read_pattern, "alert": read_alert, "sink": read_sink}


def read_savepoint(folder):
    """Returns: the manifest, and by (kind, name) what each subtask of the operator saved."""
    folder = pathlib.Path(folder)
    manifest = read_manifest((folder / "MANIFEST").read_bytes())
    operators = {}
    for f in manifest["files"]:
        path = folder.parent / "shared" / f"{f['high']:016x}{f['low']:016x}" if f["shared"] else folder / f["name"]
        data = path.read_bytes()
        if len(data) != f["length"]:
            raise Damaged(f["name"])
        if f["name"].startswith("part-"):
            for bytes_of_part in parts_of(data):
                part = read_part(bytes_of_part)
                part["state"] = READERS.get(part["kind"], lambda _: {})(part)
                operators.setdefault((part["kind"], part["name"]), []).append(part)
    return manifest, operators


# -- the test --------------------------------------------------------------------------------------------------------------


def compare(cepd, folder):
    """Everything that `cepd state show --json` tells is what this reader has found. Returns: how many partial matches."""
    manifest, operators = read_savepoint(folder)
    show = lambda *args: json.loads(subprocess.run([cepd, "state", "show", str(folder), "--json", *args], capture_output=True,
                                                   text=True, check=True, timeout=120).stdout)
    told = show()
    assert (told["kind"], told["id"], told["time"]) == (manifest["kind"], manifest["id"], time_text(manifest["time"])), told
    assert {(o["kind"], o["name"]) for o in told["operators"]} == set(operators), (told, operators.keys())
    n = 0
    for o in told["operators"]:
        parts = operators[o["kind"], o["name"]]
        states = [p["state"] for p in parts]
        assert o["subtasks"] == len(parts) and o["entries"] == sum(len(p["entries"]) for p in parts), o
        if o["kind"] == "source":
            assert o["watermark"] == time_text(states[0]["watermark"])
            for i, p in enumerate(o["partitions"]):
                mine = states[0]["partitions"][i]
                assert (p["name"], p["position"], p["done"]) == (mine["name"], mine["position"], mine["done"]), (p, mine)
        elif o["kind"] == "sink":
            assert len(o["holds"]) == sum(len(s["holds"]) for s in states), o
        elif o["kind"] == "alert":
            mine = sorted((l["identity"], l["firing"], l["last"], l["deadline"]) for s in states for l in s["identities"])
            assert mine == sorted((l["identity"], l["firing"], l["last"], l["deadline"]) for l in o["identities"]), o
            assert o["rows_waiting"] == sum(s["rows"] for s in states), o
        elif o["kind"] in ("aggregate", "over"):
            assert (o["groups"], o["rows_waiting"]) == (sum(s["groups"] for s in states), sum(s["rows"] for s in states)), o
            assert o["watermark"] == time_text(min(s["watermark"] for s in states)) and o["groups"] > 0, o
        elif o["kind"] == "pattern":
            keys = {k["key"]: k for s in states for k in s["keys"]}
            assert (o["keys"], o["rows_waiting"]) == (len(keys), sum(s["rows"] for s in states)), o
            for name, key in keys.items():
                k = show("--pattern", o["name"], "--key", name)["operators"][0]["key_list"][0]
                in_order = lambda matches: sorted(json.dumps(m, sort_keys=True) for m in matches)
                assert in_order(k["partial_matches"]) == in_order(key["partial_matches"]), (k, key)
                assert k["store"] == key["store"], (k, key)
                n += len(key["partial_matches"])
    return n


PROGRAM = """stream payments (card string, amount double, price decimal(10,2), tags array(string), at timestamp)
from file (path = 'in.ndjson', follow = true) format json event time at watermark delay 2 s;
stream notes (card string, text string, at timestamp)
from file (path = 'notes.csv', follow = true) format csv event time at watermark delay 5 s;
pattern rise from payments partition by card match a -> b+ -> c
define a as amount > 100 and prev(amount) >= 0, b as amount > a.amount, c as amount > sum(b.amount)
within 1 min measures a.amount as first, sum(b.amount) as total, count(b) as n, max(b.price) as price, a.tags as tags;
pattern fates from payments, notes partition by card match a -> b+ -> c
define a as payments where amount > 120, b as payments where amount < 90,
c as notes where text = 'never' within 10 min measures a.amount as amount;
pattern settled from payments partition by card match (w -> v | x ->> y ->[40 s] z)
define w as amount > 140, v as amount < 0, x as amount <= 140, y as amount > 30, z as amount < 150 within 10 min
after match skip to next event measures x.amount as first;
pattern graph from payments partition by card match x -> y -> z
define x as amount > 50, y as amount < 150, z as amount > 10000
within 30 s after match no skip measures x.amount as first;
stream tumbling as select card, count(*) as n, sum(amount) as total, sum(price) as cost, window_end as until
from payments group by card window tumbling 5 min;
stream sliding as select card, avg(amount) as mean, min(price) as least, stddev(amount) as spread from payments
group by card window sliding 10 min every 2 min;
stream session as select card, count(distinct amount) as kinds, first(amount) as one, last(price) as two,
approx_count_distinct(amount) as about, approx_quantile(price, 0.5) as mid from payments
group by card window session gap 10 min;
stream counted as select card, array_agg(amount) as amounts, max(amount) filter (where amount < 100) as most from payments
group by card window count 6 every 4;
stream global as select card, count(*) as n from payments group by card window global;
stream updates as select card, sum(amount) as total from payments group by card;
stream taken as select card, count(*) as n, sum(amount) as total from payments group by card retracting;
stream of_taken as select n, min(total) as least, count(distinct card) as cards, avg(total) as mean from taken group by n retracting;
stream slid as select card, count(*) as n from payments group by card window sliding 10 min every 2 min emit each event retracting;
stream sat as select card, count(*) as n, window_end as until from payments group by card window session gap 10 min emit each event upsert;
stream scored as select card, zscore(amount, warm_up => 3) over (partition by card order by at) as z, lag(tags, 2) over (partition by card order by at) as t,
rarity(price) over (partition by card order by at) as r, sum(amount) over (partition by card order by at rows 5 preceding) as s,
count(*) over (partition by card order by at range 5 min preceding) as n from payments;
sink scored to file (path = 'scored.ndjson') format json;
sink tumbling to file (path = 'tumbling.ndjson') format json;
sink sliding to file (path = 'sliding.ndjson') format json;
sink session to file (path = 'session.ndjson') format json;
sink counted to file (path = 'counted.ndjson') format json;
sink global to file (path = 'global.ndjson') format json;
sink updates to file (path = 'updates.ndjson') format json;
sink of_taken to file (path = 'of_taken.ndjson') format json;
sink slid to file (path = 'slid.csv') format csv;
sink sat to file (path = 'sat.ndjson') format json;
alert rising on rise severity high message '{first}: {n}' by card suppress for 5 s resolve after 1 min;
sink rise to file (path = 'rise.ndjson') format json;
sink settled to file (path = 'settled.ndjson') format json;
sink settled.timeouts to file (path = 'timeouts.ndjson') format json;
sink graph to file (path = 'graph/') format json;
sink fates to http (url = 'http://127.0.0.1:1/none') format json;
"""


def row(i):
    second = i // 3
    return json.dumps({"card": f"card {i * 31 % 17}", "amount": (i * 7919) % 211, "price": f"{i % 50}.25", "tags": ["a", f"t{i % 3}"],
                       "at": f"2026-01-01T10:{second // 60:02d}:{second % 60:02d}Z"}) + "\n"


def test(cepd, folder, parallelism):
    program = PROGRAM
    (folder / "p.pattern").write_text(program)
    (folder / "in.ndjson").write_text("".join(row(i) for i in range(300)))
    (folder / "notes.csv").write_text("card,text,at\ncard 1,hello,2026-01-01T11:00:00Z\n")
    (folder / "graph").mkdir()
    job = subprocess.Popen([cepd, "run", "p.pattern", "--http", "127.0.0.1:0", "--parallelism", str(parallelism)], cwd=folder,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = []
    for line in job.stderr:
        said.append(line)
        found = re.search(r"port (\d+)", line)
        if found:
            break
    assert found, "".join(said)
    url = ["--coordinator", f"http://127.0.0.1:{found.group(1)}"]
    while True:
        done = subprocess.run([cepd, "job", "p", "--json", *url], capture_output=True, text=True, timeout=120)
        if done.returncode == 0 and json.loads(done.stdout).get("totals", {}).get("events") == 301:
            break
        assert job.poll() is None
        time.sleep(0.02)
    path = subprocess.run([cepd, "stop", "p", str(folder / "sp"), *url], capture_output=True, text=True, check=True,
                          timeout=120).stdout.strip()
    job.communicate(timeout=120)
    n = compare(cepd, path)
    assert n > 50, n
    _, operators = read_savepoint(path)
    stores = {k["store"] for (kind, _), parts in operators.items() if kind == "pattern" for p in parts for k in p["state"]["keys"]}
    assert stores == {"runs", "graph", "fates"}, stores
    settled = [m["complete"] for p in operators["pattern", "settled"] for k in p["state"]["keys"] for m in k["partial_matches"]]
    assert any(settled) and not all(settled), settled
    return n


def main():
    if len(sys.argv) > 1:
        manifest, operators = read_savepoint(sys.argv[1])
        print(json.dumps({"manifest": manifest, "operators": [
            {"kind": kind, "name": name, "state": [{k: v for k, v in p["state"].items() if k != "pattern"} for p in parts]}
            for (kind, name), parts in operators.items()]}, indent=1))
        return
    cepd = os.path.abspath(os.environ["CEPD"])
    for parallelism in (1, 3):
        with tempfile.TemporaryDirectory() as scratch:
            n = test(cepd, pathlib.Path(scratch).resolve(), parallelism)
            print(f"parallelism {parallelism}: {n} partial matches read")


if __name__ == "__main__":
    main()

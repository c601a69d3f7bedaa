#pragma once
/*
 * nfa_load_fuzz -- the patterns between which nfa_load_fuzz.c carries state. Inputs of the corpus name them by their number, so new
 * ones go at the end.
 */
enum { FUZZ_PATTERNS = 16 };

static const char fuzz_patterns[] =
    "stream s (card string, t int, v double, at timestamp) from file (path = 'x') format csv "
    "event time at watermark ascending;\n"
    /* graph */
    "pattern p0 from s partition by card match a+ -> b ->> c define a as t = 1, b as t = 2, c as t = 3 "
    "within 1 h "
    "after match no skip measures card as card, sum(a.v) as v, c.t as t;\n"
    "pattern p1 from s partition by card match (a ->> b)+ -> c define a as t = 1, b as t < 3, c as t = 3 "
    "within 2 h "
    "after match no skip measures card as card, last(a.v) as v;\n"
    /* fates */
    "pattern p2 from s partition by card match a+ -> b -> c define a as t = 1, b as t = 2, c as t = 3 within "
    "1 h "
    "measures card as card, sum(a.v) as v, c.t as t;\n"
    "pattern p3 from s partition by card match a -> b{2,} -> c define a as t < 3, b as t < 4, c as t = 3 "
    "within 1 h "
    "after match skip to next event limit 3 matches measures card as card, sum(b.v) as v;\n"
    /* of several partial matches the time-outs are read, p5 under no skip; runs: a condition reads the partial match */
    "pattern p4 from s partition by card match a+ -> b -> c define a as t = 1, b as t = 2, c as t = 3 within "
    "1 h "
    "measures card as card, sum(a.v) as v, c.t as t;\n"
    "sink p4.timeouts to file (path = 'y') format csv;\n"
    "pattern p5 from s partition by card match a+ -> b ->> c define a as t = 1, b as t = 2, c as t = 3 "
    "within 1 h "
    "after match no skip measures card as card, sum(a.v) as v, c.t as t;\n"
    "sink p5.timeouts to file (path = 'z') format csv;\n"
    "pattern p6 from s partition by card match a+ -> b -> c define a as t = 1, b as v > a.v, c as t = 3 "
    "within 1 h "
    "measures card as card, sum(a.v) as v, c.t as t;\n"
    /* fates and graph of steps with a time of their own */
    "pattern p7 from s partition by card match a ->[1 h] b ->[1 s to 2 h] c define a as t = 1, b as t = 2, c "
    "as t = 3 "
    "measures card as card, a.v as v, c.t as t;\n"
    "pattern p8 from s partition by card match a ->[1 h] b ->[1 s to 2 h] c define a as t = 1, b as t = 2, c "
    "as t = 3 "
    "after match no skip measures card as card, a.v as v, c.t as t;\n"
    /* graphs of which time tells what it ends: with times and spans; an absence */
    "pattern p9 from s partition by card match a ->> b ->[1 s to 2 h] c define a as t = 1, b as t = 2, c as "
    "t = 3 within 3 h "
    "after match no skip measures card as card, a.v as v, c.t as t;\n"
    "sink p9.timeouts to file (path = 'w') format csv;\n"
    "pattern p10 from s partition by card match a+ ->[1 h] !c define a as t = 1, c as t = 3 within 3 h "
    "after match no skip measures card as card, first(a.v) as v;\n"
    /* stacks: one event of two variables, starts of two, a limit */
    "pattern p11 from s partition by card match a ->> b+ combinations ->> c define a as t = 1, b as t = 2, c "
    "as "
    "t = 3 within 1 h "
    "after match no skip measures card as card, sum(b.v) as v;\n"
    "pattern p12 from s partition by card match a ->> (b | d) ->> c define a as t = 1, b as t < 3, d as t = "
    "2, c as t > "
    "1 "
    "within 2 h "
    "after match no skip limit 3 matches measures card as card, a.v as v;\n"
    "pattern p13 from s partition by card match (a | b) ->> d{1,2} combinations define a as t = 1, b as t < "
    "3, d as t = 2 within 1 h "
    "after match no skip limit 2 open per key measures card as card, first(d.v) as v;\n"
    /* graphs under a skip policy, where a start that has its match waits for an earlier one: with spans, with times */
    "pattern p14 from s partition by card match (w x -> q | a b ->> c) define w as t = 1, x as t < 3, q as t "
    "= "
    "9, a as t = 1, b as t = 2, c as t = 3 within 1 h "
    "after match skip to next event measures card as card, a.v as v;\n"
    "sink p14.timeouts to file (path = 'u') format csv;\n"
    "pattern p15 from s partition by card match (w x -> q | a b ->> c ->[1 h] d) define w as t = 1, x as t < "
    "3, "
    "q as t = 9, a as t = 1, b as t = 2, c as t = 3, d as t = 2 within 2 h "
    "after match skip to next event limit 3 matches measures card as card, a.v as v;\n";

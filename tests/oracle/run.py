#!/usr/bin/env python3
"""Random rules and events through the command line, compared with oracle.py.

    run.py --cases 300 --seed 1 --binary target/release/tidegate      exit 1 on a difference, with a minimised case
    run.py --only 12345                                               one batch again, by the seed a difference names

A case is one correlation (with the rules below it) over one set of events; a batch puts many correlations into one run.
Each batch runs twice more in another form (lines shuffled, files, gzip, pipelines, threads): nothing may change, ids included.
"""
import argparse, collections, gzip, json, random, re, subprocess, sys, tempfile, time
from pathlib import Path
from oracle import LATENESS, MINUTE, Oracle, millis

EPOCH = 1_700_000_000_000
EARLIEST = 1_000_000_000_000                                                  # a document's own times hold nothing earlier; its episode does
SEEN = collections.Counter()
LAB = dict(product="lab", service="lab")
USERS = ["x", "y", "zoë", "日本", 'q"|\\', "7"]


# ---- making cases --------------------------------------------------------------------------------------------------------

def uid(n): return f"00000000-0000-4000-8000-{n:012d}"


def detection(n, name, selections, condition):
    return dict(title=f"rule {name}", id=uid(n), name=name, logsource=dict(LAB),
                detection=dict(selections, condition=condition))


BASE = [detection(1, "a", {"s": {"k": "a"}}, "s"), detection(2, "b", {"s": {"k": "b"}}, "s"), detection(3, "c", {"s": {"k": "c"}}, "s"),
        detection(4, "ab", {"s": {"k": ["a", "b"]}}, "s"), detection(5, "big", {"s": {"n|gte": 10}}, "s")]


def stateless(r, n):
    """A detection rule with random conditions over the fields of `event`."""
    items = [{"k": r.choice("abcd")}, {"k": ["a", "D"]}, {"u": r.choice(["x", "ZO*", "?", "日*", "*", "", 7])}, {"u": None}, {"n": r.choice([1, 10, -5, 2.5, "1*"])},
             {"n|gte": 1}, {"n|lt": 0}, {"n|gt": -5, "n|lte": 10}, {"o.p": r.choice(["one", "t*", None])}, {"o.p|exists": r.random() < .5}, {"u|exists": r.random() < .5},
             {"tags": r.choice(["red", "gr*", 5])}, {"tags|contains|all": ["e", "d"]}, {"tags|contains": ["lu", "zz"]}, {"list.z": r.choice([1, 2, "*"])}, {"ip|cidr": r.choice(["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"])},
             {"path|re": r.choice(["^/etc/.*", "passwd$", "[0-9]{2,}", "(a|b)/x"])}, {"path|re|i": "^/ETC"}, {"path|startswith": ["/etc", "/HOME"]}, {"path|endswith": "\\x"},
             {"path|contains": r.choice(["A\\*", "tc/", "?"])}, {"path|cased|startswith": "/Etc"}, {"path": ["*\\\\x", "/etc/*"]}, {"flag": r.random() < .5}, {"k|neq": "a"}, {"k|fieldref": "u"}]
    names = ["sel_one", "sel_two", "filter_a", "other"][:r.randint(1, 4)]
    selections = {}
    for name in names:
        picked = {k: v for i in r.sample(items, r.randint(1, 2)) for k, v in i.items()}
        selections[name] = picked if r.random() < .7 else [picked, dict(r.choice(items))]
        if r.random() < .08: selections[name] = r.sample(["red", "passwd", "*日*", "ONE"], 2)
    forms = ["1 of them", "all of them"] if len(names) == 1 else ["1 of them", "all of them", f"{names[0]} and not {names[1]}", f"{names[0]} or {names[-1]}", "1 of sel_* and not all of sel_*",
             f"not ({names[0]} or {names[1]})", f"not {names[0]} and {names[-1]}"] + (["1 of sel_* and not filter_a", "sel_one or sel_two and filter_a"] if len(names) > 2 else [])
    rule = detection(n, f"alone{n}", selections, r.choice(forms))
    if r.random() < .1: rule["logsource"]["service"] = "elsewhere"; SEEN["rules of another service"] += 1
    return rule


def comparison(r, top, whole=True):
    """gt, gte, lt, lte, eq, neq or a range, that some number meets and 0 does not (for whole numbers)."""
    n = r.randint(1, top) if whole else round(r.uniform(-20, 60), r.choice([0, 1, 3]))
    if not whole: return r.choice([{"gt": n}, {"gte": n}, {"lt": n}, {"lte": n}, {"gt": n, "lte": n + 25}, {"neq": n}, {"eq": int(n)}])
    return r.choice([{"gte": n}, {"gte": n}, {"gte": n}, {"gt": n}, {"gt": n - 1} if n > 1 else {"gte": 1}, {"eq": n}, {"gte": n, "lte": n + 2}, {"gt": n, "lt": n + 3}, {"gte": 1, "lt": n + 1},
                     {"gte": 1, "neq": n + 1}, {"gte": n, "neq": n + 1}])


def group_by(r): return r.choice([["u"], ["u"], ["u"], ["o.p"], ["u", "o.p"], ["flag"], [], ["n"], ["tags"]])


def correlation(r, n, unit, inputs=("a", "b", "c", "ab", "big"), by=None, kind=None, children=()):
    seconds = max(1, unit * r.choice([1, 1, 1, 2, 3]) // r.choice([1, 1, 1000])) + r.choice([0, 0, 0, 7, 137]) * (unit >= 600)
    c = dict(type=kind or r.choice(["event_count"] * 3 + ["value_count"] * 3 + ["temporal"] * 4 + ["temporal_ordered"] * 4 + ["value_sum", "value_avg", "value_median", "value_percentile"]))
    by = group_by(r) if by is None else by
    if c["type"].startswith("temporal"):
        names = r.sample(list(inputs), r.randint(2, min(4, len(inputs))))
        for name in children:
            if name not in names: names[r.randrange(len(names))] = name
        names = list(dict.fromkeys(names))
    else:
        names = list(dict.fromkeys(r.sample(list(inputs), r.randint(1, 2)) + list(children))) if inputs else list(children)
    c["rules"] = names
    if by and r.random() < .15 and not children:
        c["aliases"] = {"who": {name: r.choice(["u", "o.p", "v"]) for name in names}}
        by = ["who"] + by[1:]
        SEEN["aliases"] += 1
    if by: c["group-by"] = by
    c["timespan"] = f"{seconds}s" if seconds % 60 or r.random() < .5 else f"{seconds // 60}m"
    if c["type"] == "event_count": c["condition"] = comparison(r, r.choice([3, 6, 30, 120]))
    elif c["type"] == "value_count":
        c["condition"] = dict(comparison(r, r.choice([2, 4])), field=r.choice(["v", "v", "n", "k", ["v", "k"], ["v", "o.p"], "tags"]))
    elif c["type"] in ("value_sum", "value_avg"): c["condition"] = dict(comparison(r, 0, False), field="n")
    elif c["type"] in ("value_median", "value_percentile"):                    # the numbers are 2 % away from every limit: the sketch errs by 1 %
        c["condition"] = dict(r.choice([{"gt": 3}, {"lte": 3.5}, {"gte": -2}, {"lt": -2}, {"gt": 20}, {"gt": -2, "lt": 20}]), field="n")
        if c["type"] == "value_percentile": c["condition"]["percentile"] = r.choice([1, 25, 50, 75, 90, 95, 99])
    elif r.random() < .6:
        first, *rest = names
        forms = [" and ".join(names), " or ".join(names), {"gte": r.randint(1, len(names))}]
        signed = [f"not {x}" if r.random() < .5 else x for x in names]
        if any(" " not in s for s in signed): forms += [" and ".join(signed)] * 4
        if len(names) > 2 and c["type"] == "temporal": forms += [f"{first} and ({' or '.join(rest)})", f"({first} and {rest[0]}) or {' or '.join(rest[1:])}", f"{first} and not ({' or '.join(rest)})",
                                    f"({first} or {rest[0]}) and not {rest[1]}" + "".join(f" and {x}" for x in rest[2:])]
        c["condition"] = r.choice(forms)
    for word in (["waiting rules"] if "not" in str(c.get("condition")) or any(o in str(c.get("condition")) for o in ("'l", "eq")) else []) + [c["type"]] + ["parents"] * bool(children):
        SEEN[word] += 1
    return dict(title=f"correlation {n}", id=uid(n), name=f"c{n}", level="low", correlation=c)


def family(r, n, unit):
    """One correlation, or a child, its parent and perhaps a grandparent."""
    if r.random() > .3: return [correlation(r, n, unit)]
    by = r.choice([["u"], ["u"], ["u", "o.p"], []])
    out = [correlation(r, n, unit, by=by)]
    if "aliases" in out[0]["correlation"]: del out[0]["correlation"]["aliases"]; out[0]["correlation"]["group-by"] = by
    for level in range(r.choice([1, 1, 2])):
        names = [out[-1]["name"]]
        if level == 0 and r.random() < .3:
            sibling = correlation(r, n + 5, unit, by=by); sibling["correlation"].pop("aliases", None)
            if by: sibling["correlation"]["group-by"] = by
            out.insert(0, sibling); names.append(sibling["name"])
        by = r.choice([by, by[:1], []])
        kind = r.choice(["event_count", "temporal", "temporal_ordered", "temporal"])
        inputs = ["a", "b", "c"] if kind != "event_count" or r.random() < .4 else []
        parent = correlation(r, n + level + 1, unit, inputs=inputs, by=by, kind=kind, children=names)
        if r.random() < .4: parent["correlation"]["generate"] = True; SEEN["generate"] += 1
        out.append(parent)
    SEEN["levels: %d" % (level + 2)] += 1
    return out


def events(r, unit, stamped):
    """Times that meet the edges of windows, in ties, bursts and gaps; fields that are missing, null, nested, listed or odd."""
    T, out, now = unit * 1000, [], EPOCH + r.randrange(1000)
    span = r.choice([3, 10, 30]) * T
    times = []
    for _ in range(r.randint(3, r.choice([15, 60, 120]))):
        how = r.random()
        if times and how < .35: t = r.choice(times) + r.choice([0, 0, 1, -1, T, T - 1, T + 1, -T, 2 * T, 2 * T - 1, 2 * T + 1, 3 * T])
        elif how < .45: t = (now + r.randrange(span)) // T * T + r.choice([-1, 0, 1])
        elif how < .48: t = now + span + 40 * T
        else: t = now + r.randrange(span)
        times.append(t)
    if r.random() < .1: times += [r.choice(times)] * r.randint(100, 400); SEEN["bursts in one ms"] += 1
    if r.random() < .06: times += [r.choice(times) + r.randrange(T) for _ in range(r.randint(200, 500))]; SEEN["crowds in one timespan"] += 1
    users, ks = r.sample(USERS, r.randint(1, 3)), "abcd"[:r.randint(1, 4)]
    for t in times:
        e = dict(t=t if r.random() < .8 else stamp(t), k=r.choice(ks), u=r.choice(users), v=r.choice(["1", "2", "3", "Ω", 1, "one"]), n=r.choice([1, 10, -5, 2.5, 0, 100, 40, -0.125, "7", "none"]), flag=r.random() < .5,
                 o=dict(p=r.choice(["one", "two", None, 3])), tags=r.choice([["red"], ["green", "blue"], ["Red", "green"], [5], []]), list=[dict(z=r.choice([1, 2, 3])) for _ in range(r.randint(0, 2))],
                 ip=r.choice(["10.1.2.3", "10.9.9.9", "192.168.0.1", "2001:db8::1", "not an address"]), path=r.choice(["/etc/passwd", "/Etc/a*b", "/home/a/x", "C:\\a\\x", "line 12\nnext?"]))
        for field in ("u", "n", "o", "v", "flag", "path"):
            if r.random() < .06:
                if r.random() < .5: e[field] = None
                else: del e[field]
                SEEN["missing or null fields"] += 1
        out.append(e)
    SEEN["ties"] += len(times) - len(set(times))
    if stamped: return arrive(r, out)
    r.shuffle(out)
    return out


def stamp(t):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(t // 1000)) + f".{t % 1000:03d}Z"


def arrive(r, out):
    """Arrival stamps: most within the lateness, some at its edge, some late, some forged; the file in order of arrival but for 10 s."""
    for e in out:
        t, how = millis(e["t"]), r.random()
        delay = r.choice([0, 5, 1000, r.randrange(LATENESS), LATENESS, LATENESS - 1]) if how < .8 else r.choice([LATENESS + 1, r.randrange(5 * LATENESS)]) if how < .9 else -r.choice([0, 1000, 5 * MINUTE, 5 * MINUTE + 1, 6 * MINUTE])
        e["a"] = t + delay
        if how > .98: e["t"] = r.choice([0, 1, "1970-01-01T00:00:01Z", "9999-12-31T23:59:59Z"]); SEEN["forged times"] += 1
        elif how > .96: del e["t"]; SEEN["no time"] += 1
    return sorted(out, key=lambda e: e["a"] + r.choice([0, r.randrange(10_000)]))


TRAIL = dict(product="aws", service="cloudtrail")


def as_trail(rules, lines):
    """The same case as CloudTrail: times in whole seconds, and an id by which a copy is known."""
    own = dict(k="eventName", ip="sourceIPAddress", t="eventTime")
    def name(field):
        if isinstance(field, list): return [name(f) for f in field]
        head, *rest = re.split(r"(?=[.|])", field, maxsplit=1)
        return field if head in ("who", "") else own.get(head, "requestParameters." + head) + "".join(rest)
    def items(selection):
        if isinstance(selection, list): return [items(x) for x in selection]
        return {name(k): name(v) if k.endswith("fieldref") else v for k, v in selection.items()} if isinstance(selection, dict) else selection
    def rule(r):
        r = json.loads(json.dumps(r))
        if "detection" in r:
            r["detection"] = {k: v if k == "condition" else items(v) for k, v in r["detection"].items()}
            if r["logsource"] == LAB: r["logsource"] = TRAIL
            return r
        c = r["correlation"]
        if "group-by" in c: c["group-by"] = name(c["group-by"])
        for alias in c.get("aliases", {}).values(): alias.update({n: name(f) for n, f in alias.items()})
        if isinstance(c.get("condition"), dict) and "field" in c["condition"]: c["condition"]["field"] = name(c["condition"]["field"])
        return r
    def line(i, e):
        out = dict(eventVersion="1.08", eventID=uid(i), eventTime=stamp(millis(e["t"]))[:19] + "Z", eventSource="lab.amazonaws.com", awsRegion="eu-west-1", recipientAccountId="111122223333",
                   eventName=e["k"], requestParameters={k: v for k, v in e.items() if k not in ("t", "k", "ip")})
        return dict(out, sourceIPAddress=e["ip"])
    return [rule(r) for r in rules], [line(i, e) for i, e in enumerate(lines)]


# ---- the rule file -------------------------------------------------------------------------------------------------------

def yaml(v, indent=0):
    pad = "  " * indent
    if isinstance(v, dict) and v: return "".join(f"{pad}{json.dumps(k, ensure_ascii=False) if not k.replace('-', '').isalnum() else k}:" + child(x, indent) for k, x in v.items())
    return "".join(f"{pad}-" + child(x, indent) for x in v)


def child(v, indent):
    nested = isinstance(v, (dict, list)) and v and not (isinstance(v, list) and not any(isinstance(x, (dict, list)) for x in v))
    return "\n" + yaml(v, indent + 1) if nested else " " + json.dumps(v, ensure_ascii=False) + "\n"


# ---- running and comparing -------------------------------------------------------------------------------------------------

def tidegate(binary, folder, rules, files, form="", extra=()):
    """One run. `form` of the input: "" (JSON lines), "stamps" (with arrival stamps) or "trail" (CloudTrail)."""
    (folder / "rules.yml").write_text("---\n".join(yaml(rule) for rule in rules))
    options = ["--format", "cloudtrail"] if form == "trail" else ["--format", "json", "--product", "lab", "--service", "lab", "--time-field", "t", *(["--arrival-field", "a"] if form else [])]
    command = [str(binary), "replay", "-r", str(folder / "rules.yml"), *options, "--alerts", str(folder / "alerts.ndjson"), "--summary", "json", *extra, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode: raise SystemExit(f"{' '.join(command)}\nexit {done.returncode}\n{done.stderr}")
    summary = json.loads(done.stderr.strip().splitlines()[-1])
    if not summary["books"]["balanced"]: raise SystemExit(f"the books do not balance: {summary}\n{' '.join(command)}")
    return [json.loads(line) for line in (folder / "alerts.ndjson").read_text().splitlines()], summary, command


def write(folder, lines, name="events.ndjson", zipped=False):
    data = "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in lines).encode()
    path = folder / (name + ".gz" * zipped)
    path.write_bytes(gzip.compress(data) if zipped else data)
    return path


def row_of(a):
    g = a["tidegate"]
    key = tuple((k["name"], k["value"]) for k in g["group_key"]) if g["kind"] == "correlation" else None
    return a["finding_info"]["analytic"]["uid"], key, g["episode"]["start"], g["episode"]["end"]


def plain(alerts, approximate=()):
    """Alerts of the engine in the oracle's form."""
    out = []
    for a in alerts:
        g, f = a["tidegate"], a["finding_info"]
        if g["episode"]["state"] == "merged": SEEN["merged"] += 1; continue
        row = row_of(a)
        rest = (a["count"], f["first_seen_time"], f["last_seen_time"])
        SEEN["approximate"] += g["approximate"] and row in approximate
        out.append(row + (rest if not (g["approximate"] and row in approximate) else ()))
    return collections.Counter(out)


def expected(rules, lines, form, approximate=()):
    oracle = Oracle(rules, lines, "eventTime", None, TRAIL) if form == "trail" else Oracle(rules, lines, "t", "a" if form else None)
    rows = [((a["rule"], a["key"], a["start"], a["end"]), (a["count"], max(a["first"], EARLIEST), max(a["last"], EARLIEST))) for a in oracle.alerts()]
    return collections.Counter(row + (rest if row not in approximate else ()) for row, rest in rows), oracle


def difference(binary, folder, rules, lines, form):
    """(wrong: alerts only one side has, summary, engine's alerts, command)"""
    alerts, summary, command = tidegate(binary, folder, rules, [write(folder, lines)], form)
    loose = approximated(alerts)
    want, oracle = expected(rules, lines, form, loose)
    got = plain(alerts, loose)
    return (want - got, got - want), summary, alerts, command, oracle


def needed(rules, rule_id):
    by = {k: r for r in rules for k in (r["id"], r.get("name"))}
    keep, todo = set(), [rule_id] + [r["id"] for r in rules if {rule_id, by[rule_id].get("name")} & set(r.get("correlation", {}).get("rules", []))]
    while todo:
        rule = by[todo.pop()]
        keep.add(rule["id"]); todo += rule.get("correlation", {}).get("rules", [])
    return [r for r in rules if r["id"] in keep]


def minimise(binary, folder, rules, lines, form, rule_id):
    def wrong(some, rules): return any(row[0] == rule_id for side in difference(binary, folder, rules, some, form)[0] for row in side)
    rules = needed(rules, rule_id)
    if not wrong(lines, rules): return rules, lines
    for rule in rules[::-1]:
        names = {n for r in rules for n in r.get("correlation", {}).get("rules", [])}
        fewer = [r for r in rules if r is not rule]
        if "correlation" in rule and rule["name"] not in names and rule["id"] != rule_id and wrong(lines, fewer): rules = fewer
    step = max(1, len(lines) // 2)
    while True:
        i, shrunk = 0, False
        while i < len(lines):
            some = lines[:i] + lines[i + step:]
            if some and wrong(some, rules): lines, shrunk = some, True
            else: i += step
        if step == 1 and not shrunk: break
        step = max(1, step // 2)
    for e in lines:                                                             # then the fields that do not matter
        for field in list(e):
            if field in ("t", "a") or field.startswith("event"): continue
            value = e.pop(field)
            if not wrong(lines, rules): e[field] = value
    return rules, lines


def variants(r, folder, lines, form):
    """Other forms of the same input: (what, files, options)."""
    if form == "trail": lines = lines + r.choices(lines, k=r.choice([0, 5, 50])); SEEN["lines with copies"] += len(lines)      # the same ids again: nothing may change
    shuffled = lines if form == "stamps" else r.sample(lines, len(lines))
    cut = r.randint(0, len(lines))
    return r.sample([("lines in another order, gzip", lambda: [write(folder, shuffled, "other.ndjson", True)], []),
                     ("several pipelines", None, ["--threads", str(r.randint(1, 3)), "--pipelines", str(r.randint(2, 4))]),
                     ("several files", lambda: [write(folder, shuffled[:cut], "1.ndjson"), write(folder, shuffled[cut:], "2.ndjson", True)] if form != "stamps" else [write(folder, lines)], ["--threads", str(r.randint(1, 3)), "--pipelines", str(r.randint(1, 4))]),
                     ("one thread", lambda: [write(folder, shuffled)], ["--threads", "1"])], 2)


def approximated(alerts):
    """The alerts that say their count may be off (what a sketch measures has an exact count)."""
    return {row_of(a) for a in alerts if a["tidegate"]["approximate"] and a["finding_info"]["analytic"]["category"] not in ("correlation/value_median", "correlation/value_percentile")}


def identity(alerts, same_ids):
    """What must not change. A line without an id is known by its position: in another place its own alert has another id, and
    of a crowd other lines are kept."""
    def uid(a): return a["tidegate"]["episode"]["uid"] if same_ids or a["tidegate"]["kind"] == "correlation" else None
    loose = set() if same_ids else approximated(alerts)
    return collections.Counter((uid(a),) + row for a in alerts for row in plain([a], loose))


def batch(binary, seed, keep):
    r = random.Random(seed)
    unit, form = r.choice([1, 1, 10, 60, 600, 3600, 86400]), r.choice(["", "", "stamps", "trail"])
    if form == "stamps": unit = r.choice([1, 60, 600, 1800, 3600])
    lines = events(r, unit, form == "stamps")
    correlations = [c for i in range(12) for c in family(r, 100 + 10 * i, unit)]
    rules = BASE + correlations + [stateless(r, 1000 + i) for i in range(12)]
    cases = len(correlations) + 12
    if form == "trail": rules, lines = as_trail(rules, lines)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        wrong, summary, alerts, command, oracle = difference(binary, folder, rules, lines, form)
        SEEN["late"] += len(oracle.late); SEEN["clamped"] += oracle.skewed; SEEN["alerts"] += len(alerts); SEEN["events"] += len(lines); SEEN["arrival stamps"] += form == "stamps"; SEEN["as CloudTrail"] += form == "trail"
        if any(wrong): return cases, report(binary, seed, keep, rules, lines, form, wrong)
        for what, files, options in variants(r, folder, lines, form):
            again, _, command = tidegate(binary, folder, rules, files() if files else [write(folder, lines)], form, options)
            SEEN["again: " + what] += 1
            one, two = (identity(x, files is None or form == "trail") for x in (alerts, again))
            if one != two:
                print(f"seed {seed}: {what} changes the alerts ({options})\n  only first: {list(one - two)[:3]}\n  only again: {list(two - one)[:3]}")
                return cases, [seed]
    return cases, []


def report(binary, seed, keep, rules, lines, form, wrong):
    blamed = sorted({row[0] for side in wrong for row in side})
    first = blamed[0]
    folder = Path(keep) / f"seed-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    rules, lines = minimise(binary, folder, rules, lines, form, first)
    wrong, _, _, command, _ = difference(binary, folder, rules, lines, form)
    print(f"seed {seed}: a difference in rules {blamed}; the first of them, minimised:")
    print("\n".join(yaml(dict(correlation=r["correlation"]) if "correlation" in r else dict(detection=r["detection"])) for r in rules if "correlation" in r or r["id"] == first))
    def at(e): return millis(next(e[f] for f in ("t", "eventTime", "a") if e.get(f) is not None))
    start = min(map(at, lines))
    for e in sorted(lines, key=at): print("  ", json.dumps(e, ensure_ascii=False), f"  +{at(e) - start} ms")
    for who, side in zip(("only the oracle ", "only the engine "), wrong):
        for rule, key, s, e, *rest in side:
            print(f"  {who} {rule[-4:]} {key} [{s - start}, {e - start}) " + (f"count {rest[0]} first {rest[1] - start} last {rest[2] - start}" if rest else "approximate"))
    print("  again:", " ".join(command), "\n        ", f"run.py --only {seed}\n")
    return blamed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = Path(__file__).resolve().parents[2]
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="run one batch, by its seed")
    parser.add_argument("--binary", default=str(here / "target/release/tidegate"))
    parser.add_argument("--keep", default=str(Path(tempfile.gettempdir()) / "tidegate-oracle"), help="where minimised cases are kept")
    parser.add_argument("--stop", type=int, default=5, help="stop after so many batches with differences")
    args = parser.parse_args()
    began, cases, bad, batches = time.time(), 0, 0, 0
    while (cases < args.cases and args.only is None or not batches) and bad < args.stop:
        n, wrong = batch(args.binary, args.only if args.only is not None else args.seed * 1_000_000 + batches, args.keep)
        cases += n; batches += 1; bad += bool(wrong)
        if wrong: sys.stdout.flush()
    for what, n in sorted(SEEN.items()): print(f"{n:8} {what}")
    print(f"{cases} cases in {batches} batches, {bad} batches with differences, {time.time() - began:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

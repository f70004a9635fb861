#!/usr/bin/env python3
"""What Tidegate's rules mean: slow, exact, from the definition.

The engine works in one pass with bounded memory. This file does the opposite: it takes the whole set of events, evaluates
every condition at every moment at which its truth can change, and returns the alerts. It shares no code with the engine and
was written from the contract (docs on semantics) and the Sigma specification. `run.py` compares the two on random cases.

Times are whole milliseconds. A *thing* is what a correlation counts: an event (the moment [t, t+1)) or a stretch of a child
correlation (the moments [start, end)). A thing is in the window of moment t, (t - T, t], if start <= t and end - 1 > t - T.
"""
import datetime, fractions, ipaddress, itertools, json, math, re
from collections import defaultdict

MINUTE = 60_000
LATENESS, SKEW = 30 * MINUTE, 5 * MINUTE
OPERATORS = {"gt": lambda a, b: a > b, "gte": lambda a, b: a >= b, "lt": lambda a, b: a < b, "lte": lambda a, b: a <= b,
             "eq": lambda a, b: a == b, "neq": lambda a, b: a != b}


# ---- one event -------------------------------------------------------------------------------------------------------

def leaves(value, path):
    """The values a dotted field name reaches: through nested objects, and through every element of an array."""
    if isinstance(value, list):
        return [x for v in value for x in leaves(v, path)]
    if not path:
        return [value]
    if isinstance(value, dict):
        for n in range(len(path), 0, -1):                                     # a key may itself contain dots
            if (key := ".".join(path[:n])) in value:
                return leaves(value[key], path[n:])
    return []


def get(event, field): return leaves(event, field.split("."))


def exists(event, field):
    """A field is there even if it is null or an empty array."""
    path = field.split(".")
    def there(v, p):
        if not p: return True
        if isinstance(v, list): return any(there(x, p) for x in v)
        return isinstance(v, dict) and any(there(v[k], p[n:]) for n in range(1, len(p) + 1) if (k := ".".join(p[:n])) in v)
    return there(event, path)


def text(value):
    if isinstance(value, bool): return "true" if value else "false"
    if isinstance(value, (dict, list)): return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if isinstance(value, float) and value == int(value): return str(int(value))
    return str(value)


def number(value):
    if isinstance(value, bool) or value is None: return None
    try: return fractions.Fraction(str(value).strip())
    except ValueError: return None


def values(event, field):
    """What groups or is measured: every value that is not null."""
    return [v for v in get(event, field) if v is not None]


def millis(value):
    if isinstance(value, str) and not re.fullmatch(r"-?\d+(\.\d+)?", value):
        at = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        return round((at - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) / datetime.timedelta(milliseconds=1))
    value = fractions.Fraction(str(value))
    return math.floor(value * 1000) if abs(value) < 100_000_000_000 else math.floor(value)   # seconds or milliseconds


# ---- conditions: `a and (b or not c)`, `1 of sel*`, `all of them` ------------------------------------------------------

def parse(condition, names):
    tokens = re.findall(r"[()]|[^\s()]+", condition)
    def peek(): return tokens[0].lower() if tokens else ""
    def either():
        parts = [both()]
        while peek() == "or": tokens.pop(0); parts.append(both())
        return ("or", parts) if len(parts) > 1 else parts[0]
    def both():
        parts = [single()]
        while peek() == "and": tokens.pop(0); parts.append(single())
        return ("and", parts) if len(parts) > 1 else parts[0]
    def single():
        if peek() == "not": tokens.pop(0); return ("not", [single()])
        if peek() == "(": tokens.pop(0); inner = either(); tokens.pop(0); return inner
        if len(tokens) > 2 and tokens[1].lower() == "of":
            how, _, what = tokens.pop(0).lower(), tokens.pop(0), tokens.pop(0)
            pattern = "*" if what.lower() == "them" else what
            some = [("is", n) for n in names if re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), n) and not n.startswith("_")]
            return ("and" if how == "all" else "or", some)
        return ("is", tokens.pop(0))
    return either()


def judge(tree, true):
    kind, rest = tree
    if kind == "is": return true(rest)
    if kind == "not": return not judge(rest[0], true)
    return (all if kind == "and" else any)(judge(r, true) for r in rest)


def polarity(tree, sign=True):
    """[(rule, wanted)] in the order of the text."""
    kind, rest = tree
    if kind == "is": return [(rest, sign)]
    return [p for r in rest for p in polarity(r, sign != (kind == "not"))]


# ---- detection rules ---------------------------------------------------------------------------------------------------

def wildcard(pattern):
    """Sigma's * and ?, escaped by a backslash; a backslash before anything else is itself."""
    out, i = "", 0
    while i < len(pattern):
        c = pattern[i]
        if c == "\\" and i + 1 < len(pattern) and pattern[i + 1] in "*?\\": out += re.escape(pattern[i + 1]); i += 1
        else: out += {"*": ".*", "?": "."}.get(c, re.escape(c))
        i += 1
    return out


def value_matches(value, want, mods):
    """One value of an event against one value of a rule."""
    if want is None: return value is None
    if value is None or isinstance(value, (dict, list)): return False
    if "re" in mods: return re.search(want, text(value), re.I if "i" in mods else 0) is not None
    if "cidr" in mods:
        try: return ipaddress.ip_address(text(value)) in ipaddress.ip_network(want)
        except ValueError: return False
    for name in ("gt", "gte", "lt", "lte"):
        if name in mods:
            return number(value) is not None and OPERATORS[name](number(value), number(want))
    if isinstance(want, (int, float)) and not isinstance(want, bool):
        return number(value) == number(want)
    before = ".*" if "contains" in mods or "endswith" in mods else ""
    after = ".*" if "contains" in mods or "startswith" in mods else ""
    flags = re.S if "cased" in mods else re.S | re.I
    return re.fullmatch(before + wildcard(text(want)) + after, text(value), flags) is not None


def item_matches(event, key, wants):
    field, *mods = key.split("|")
    wants = wants if isinstance(wants, list) else [wants]
    if not field:                                                             # keywords: anywhere in the event
        def anywhere(v):
            return [x for w in (v.values() if isinstance(v, dict) else v) for x in anywhere(w)] if isinstance(v, (dict, list)) else [v]
        found, mods = anywhere(event), mods + ["contains"]
    elif "exists" in mods:
        return exists(event, field) == wants[0]
    elif "fieldref" in mods:
        return any(text(v).lower() == text(w).lower() for v in get(event, field) for w in get(event, wants[0])) != ("neq" in mods)
    else:
        found = get(event, field) or [None]
    hit = (all if "all" in mods else any)(any(value_matches(v, w, mods) for v in found) for w in wants)
    return hit != ("neq" in mods)


def selection_matches(event, selection):
    if isinstance(selection, dict):
        return all(item_matches(event, k, v) for k, v in selection.items())
    if all(isinstance(x, dict) for x in selection):
        return any(selection_matches(event, x) for x in selection)
    return item_matches(event, "", selection)


def rule_matches(rule, event, logsource):
    if rule["logsource"] != logsource: return False                           # it gates: no rule sees another service's events
    named = {k: v for k, v in rule["detection"].items() if k != "condition"}
    either = rule["detection"]["condition"]
    return any(judge(parse(c, named), lambda n: selection_matches(event, named[n])) for c in ([either] if isinstance(either, str) else either))


# ---- stretches of time -------------------------------------------------------------------------------------------------

def union(stretches, gap=0):
    """Maximal stretches; two of them are joined if start2 - end1 <= gap."""
    out = []
    for start, end in sorted(s for s in stretches if s[0] < s[1]):
        if out and start - out[-1][1] <= gap: out[-1] = (out[-1][0], max(out[-1][1], end))
        else: out.append((start, end))
    return out


def where(holds, moments):
    """The stretches in which `holds` is true, if its truth can change only at `moments`."""
    moments = sorted(set(moments))
    return union((a, b) for a, b in zip(moments, moments[1:]) if holds(a))


def window_edges(things, T): return [m for x in things for m in (x["start"], x["end"] - 1 + T)]
def in_window(things, t, T): return [x for x in things if x["start"] <= t and x["end"] - 1 > t - T]


def compare(condition, value):
    return all(OPERATORS[k](value, fractions.Fraction(str(v))) for k, v in condition.items() if k in OPERATORS)


def only_grows(condition): return not {"lt", "lte", "eq", "neq"} & set(condition)


# ---- the correlation types: things of one group key -> unjoined stretches, and the things that are left to be counted ------

def measured(c, things):
    """What `event_count`, `value_count` or a numeric `temporal` counts among these things."""
    if c["type"] == "event_count": return len({x["id"] for x in things})
    if c["type"] == "value_count": return len({x["value"] for x in things})
    return len({r for x in things for r in x["rules"]})


def counted(c, things, T):
    if only_grows(c["condition"]):
        return where(lambda t: compare(c["condition"], measured(c, in_window(things, t, T))), window_edges(things, T)), things
    windows = sorted({k for x in things for k in range(x["start"] // T, (x["end"] - 1) // T + 1)})      # what more can undo: aligned windows
    inside = lambda k: [x for x in things if x["start"] < (k + 1) * T and x["end"] > k * T]
    return union((k * T, (k + 1) * T) for k in windows if compare(c["condition"], measured(c, inside(k)))), things


def cells(T):
    width = max(1000, T // 1440)
    return width, -(-T // width) * width


def valued(c, things, T):
    """Sums and ranks: a value counts from the start of its cell on."""
    width, T = cells(T)
    for x in things: x["start"] = x["at"] // width * width; x["end"] = x["start"] + 1
    def value(some):
        numbers = sorted(x["value"] for x in some)
        if c["type"] == "value_sum": return sum(numbers)
        if c["type"] == "value_avg": return sum(numbers) / len(numbers)
        p = 50 if c["type"] == "value_median" else c["condition"].get("percentile", 50)
        return numbers[max(0, math.ceil(fractions.Fraction(str(p)) / 100 * len(numbers)) - 1)]          # nearest rank
    def holds(t):
        some = in_window(things, t, T)
        return bool(some) and compare(c["condition"], value(some))
    return where(holds, [m for x in things for m in (x["start"], x["start"] + T)]), things


def without(things, nots, T):
    """`not` removes: of an event everything, of a stretch the moments less than T from an excluded moment."""
    for x in things:
        kept = [(x["start"], x["end"])]
        for y in nots:
            kept = [p for s, e in kept for p in ((s, min(e, y["start"] - T + 1)), (max(s, y["end"] - 1 + T), e)) if p[0] < p[1]]
        yield from (dict(x, start=s, end=e) for s, e in kept)


def temporal(c, things, T):
    condition = c.get("condition")
    if isinstance(condition, dict): return counted(c, things, T)
    tree = parse(condition, c["rules"]) if condition else ("and", [("is", r) for r in c["rules"]])
    wanted, excluded = ({n for n, sign in polarity(tree) if sign == s} for s in (True, False))
    left = list(without([x for x in things if x["rules"] & wanted], [x for x in things if x["rules"] & excluded], T))
    def holds(t):
        present = {r for x in in_window(left, t, T) for r in x["rules"]}
        return judge(tree, lambda n: n in wanted and n in present)
    return where(holds, window_edges(left, T)), left


def chains(c):
    """The alternatives of an ordered condition, each a list of (rule, wanted) in the order of `rules`."""
    condition, rules = c.get("condition"), c["rules"]
    if not condition: return [[(r, True) for r in rules]]
    if isinstance(condition, dict):
        return [[(r, True) for r in some] for n in range(1, len(rules) + 1) if compare(condition, n) for some in itertools.combinations(rules, n)]
    def spread(tree, sign=True):
        kind, rest = tree
        if kind == "is": return [[(rest, sign)]]
        if kind == "not": return spread(rest[0], not sign)
        parts = [spread(r, sign) for r in rest]
        if (kind == "and") == sign: return [sum(p, []) for p in itertools.product(*parts)]
        return [a for p in parts for a in p]
    return [sorted(a, key=lambda s: rules.index(s[0])) for a in spread(parse(condition, rules))]


def ordered(c, things, T):
    """Each step at or after the one before, distinct events, all within T; exclusions before, between and after the steps."""
    found, alike = [], defaultdict(list)
    for x in things: alike[x["start"], x["end"], frozenset(x["rules"]), None if x["point"] else x["id"]].append(x)
    few = [x for some in alike.values() for x in some[:len(c["rules"])]]           # of events alike a chain needs no more than its steps
    for chain in chains(c):
        steps = [r for r, wanted in chain if wanted]
        gaps, at = defaultdict(list), 0                                       # exclusions by the number of steps before them
        for r, wanted in chain:
            if wanted: at += 1
            else: gaps[at] += [x for x in few if r in x["rules"]]
        edges = {m for x in few for m in (x["start"], x["end"] - 1)} | {m for ys in gaps.values() for y in ys for m in (
            y["start"] - T, y["start"] - T + 1, y["start"] - 1, y["end"], y["end"] - 1 + T, y["end"] + T)}
        def moments(x, least):
            s, e = max(x["start"], least), x["end"]
            if e - s <= 1: return range(s, e)
            return sorted({s, e - 1} | {m for m in edges if s <= m < e} | set(range(s, e, max(1, T // 2))))
        def clear(place, low, high):
            return not any(y["start"] <= high and y["end"] > low for y in gaps[place])
        def finish(i, low, high, used, known):
            """The earliest last moment of steps i.. given that the step before is at `low`; None if there is none."""
            if i == len(steps): return low if clear(i, low, low + T - 1) else None
            if (i, low, used) not in known:
                ends = [finish(i + 1, m, high, (used if m == low else frozenset()) | {x["id"]}, known)
                        for x in few if steps[i] in x["rules"] and x["start"] <= high and x["end"] > low and not (x["point"] and x["id"] in used)
                        for m in moments(x, low) if m <= high and clear(i, low, m)]
                known[i, low, used] = min((e for e in ends if e is not None), default=None)
            return known[i, low, used]
        for x in few:
            for m in moments(x, x["start"]) if steps[0] in x["rules"] else ():
                if clear(0, m - T + 1, m) and (end := finish(1, m, m + T - 1, frozenset({x["id"]}), {})) is not None:
                    found.append((end, m + T))
    named = {r for chain in chains(c) for r, wanted in chain if wanted}
    return union(found), [x for x in things if x["rules"] & named]


TYPES = {"event_count": counted, "value_count": counted, "value_sum": valued, "value_avg": valued, "value_median": valued,
         "value_percentile": valued, "temporal": temporal, "temporal_ordered": ordered}


# ---- a rule set over a set of events -------------------------------------------------------------------------------------

def timespan(s):
    return int(s[:-1]) * {"s": 1000, "m": MINUTE, "h": 60 * MINUTE, "d": 24 * 60 * MINUTE}[s[-1]]


class Oracle:
    def __init__(self, rules, events, time_field="t", arrival_field=None, logsource=dict(product="lab", service="lab")):
        self.logsource = logsource
        self.rules = {r.get("name", r["id"]): r for r in rules} | {r["id"]: r for r in rules}
        self.events, self.late, self.skewed, self.results = [], [], 0, {}
        for i, e in enumerate(events):
            at = millis(e[time_field]) if e.get(time_field) is not None else None
            arrival = millis(e[arrival_field]) if arrival_field else at
            at = arrival if at is None else at
            if at > arrival + SKEW: at = arrival; self.skewed += 1                                       # a forged time moves only itself
            (self.late if arrival - at > LATENESS else self.events).append((i, at, e))

    def keys(self, c, name, look):
        """The group keys of a thing. None if a field is missing or null. An array groups under each of its values; two arrays
        in one key, each under its first."""
        found = [list(dict.fromkeys(text(v) for v in look(c.get("aliases", {}).get(g, {}).get(name, g)))) for g in c.get("group-by", [])]
        if sum(len(f) > 1 for f in found) > 1: found = [f[:1] for f in found]
        return list(itertools.product(*found))

    def things(self, c):
        """{group key: the things that correlation c counts}. One event is one thing, however many of the rules it matches."""
        out, fields = defaultdict(dict), (c.get("condition") or {}).get("field") if isinstance(c.get("condition"), dict) else None
        for name in c["rules"]:
            rule = self.rules[name]
            if "correlation" in rule:
                by = rule["correlation"].get("group-by", [])
                for child, (stretches, _, _) in self.correlate(rule).items():
                    known = dict(zip(by, child))
                    for key, (s, e) in itertools.product(self.keys(c, name, lambda f: [known[f]] if f in known else []), stretches):
                        out[key][(name, child, s)] = dict(id=(name, child), rules={name}, start=s, end=e, at=s, whole=s, point=False)
                continue
            for i, at, event in self.events:
                if not rule_matches(rule, event, self.logsource): continue
                measured = None
                if fields:                                                    # an array is one value; a number is the first that is one
                    found = [values(event, f) for f in (fields if isinstance(fields, list) else [fields])]
                    if c["type"] == "value_count": measured = tuple(tuple(map(text, v)) for v in found) if all(found) else None
                    else: measured = next((n for n in map(number, found[0]) if n is not None), None)
                    if measured is None: continue
                for key in self.keys(c, name, lambda f: values(event, f)):
                    thing = dict(id=i, rules={name}, start=at, end=at + 1, at=at, whole=at, point=True, value=measured)
                    out[key].setdefault(i, thing)["rules"].add(name)
        return {k: list(v.values()) for k, v in out.items()}

    def correlate(self, rule):
        """{group key: (unjoined stretches, things left, timespan)}"""
        if rule["id"] not in self.results:
            c, result = rule["correlation"], {}
            T = timespan(c["timespan"])
            for key, things in self.things(c).items():
                stretches, left = TYPES[c["type"]](c, things, T)
                result[key] = stretches, left, cells(T)[1] if TYPES[c["type"]] is valued else T
            self.results[rule["id"]] = result
        return self.results[rule["id"]]

    def alerts(self):
        out = []
        for rule in {r["id"]: r for r in self.rules.values()}.values():
            above = [c for c in self.rules.values() if {rule.get("name"), rule["id"]} & set(c.get("correlation", {}).get("rules", ()))]
            if not all(c["correlation"].get("generate", c.get("generate")) for c in above): continue     # muted by one that does not say it
            if "detection" in rule:
                out += [dict(rule=rule["id"], key=None, start=at, end=at + 1, count=1, first=at, last=at)
                        for _, at, e in self.events + self.late if rule_matches(rule, e, self.logsource)]     # late or not
                continue
            c = rule["correlation"]
            for key, (stretches, left, T) in self.correlate(rule).items():
                aligned = isinstance(c.get("condition"), dict) and TYPES[c["type"]] is not valued and not only_grows(c["condition"])
                for start, end in union(stretches, gap=T):
                    low = start if aligned else start - T + 1                                           # its events: in (start - T, end)
                    mine = [x for x in left if x["start"] < end and x["end"] > low]
                    out.append(dict(rule=rule["id"], key=tuple(zip(c.get("group-by", []), key)), start=start, end=end,
                                    count=len({(x["id"], x["whole"]) for x in mine}),                  # a stretch in pieces is one
                                    first=min(x["at"] if x["point"] else max(x["start"], low) for x in mine),
                                    last=max(x["at"] if x["point"] else min(x["end"], end) - 1 for x in mine)))
        return sorted(out, key=lambda a: (a["rule"], str(a["key"]), a["start"]))

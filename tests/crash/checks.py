"""What must be true at the end, whatever was killed. Each check answers with a list of what is wrong, in words."""
import json, sqlite3
from collections import Counter, defaultdict
from lab import cases

# What may differ between two runs of one input: it speaks of when and how often the program did something, of the places where the
# log was cut into entries, or of the rule set. (Of one log nothing may differ: see logbook.py.)
FREE = [("time",), ("@timestamp",), ("activity_id",), ("activity_name",), ("type_uid",), ("type_name",), ("metadata",),
        ("finding_info", "created_time"), ("finding_info", "modified_time"), ("tidegate", "revision"), ("tidegate", "evaluated_to"),
        ("tidegate", "rule_digest"), ("tidegate", "late_events")]
# The order in which lines of two files, or what children derived, came into the log: the first moment as known when an alert fired
# makes its id.
OF_ORDER = [("finding_info", "uid")]
# The number that was measured when the alert was last told, at the watermark as it then stood.
OF_MEASURE = [("message",)]
MEASURED = ("correlation/value_avg", "correlation/value_median", "correlation/value_percentile", "correlation/value_sum")
# What a parent shows of its children: which of their alerts there were, and what was kept of them, when it was told. So
# with its page: whether one of theirs was paged before is of the rounds in which the input came, and the same for the same log.
OF_PARENTS = [("evidences",), ("finding_info", "related_events"), ("observables",), ("tidegate", "records"), ("tidegate", "records_total"),
              ("tidegate", "paging", "decision")]

# Of a crowd only so many events are kept; which, is of the order in which they came. The alert says so (`approximate`); its episode is exact.
OF_CROWDS = [("count",), ("message",), ("tidegate", "records_total"), ("finding_info", "first_seen_time"), ("finding_info", "last_seen_time"),
             ("start_time",), ("end_time",)]


def documents(state):
    """The final documents in the state file: {alert id: document}."""
    with sqlite3.connect(f"file:{state}?mode=ro", uri=True) as db:
        found = {i: (version, json.loads(text)) for i, version, text in db.execute("SELECT id, version, document FROM alerts")}
    for i, (version, d) in found.items():
        assert (d["finding_info"]["uid"], d["tidegate"]["revision"]) == (i, version), f"alert {i}: the row and its document differ"
    return {i: d for i, (_, d) in found.items()}


def few(things, n=5):
    things = list(things)
    return "".join(f"\n      {x}" for x in things[:n]) + (f"\n      and {len(things) - n} more" if len(things) > n else "")


def episodes(docs, wanted):
    """Every episode equals the oracle's, each with exactly one alert that is not merged."""
    loose = cases.approximated(docs.values())
    got = cases.plain(docs.values(), loose)
    rows = [((a["rule"], a["key"], a["start"], a["end"]), (a["count"], max(a["first"], cases.EARLIEST), max(a["last"], cases.EARLIEST))) for a in wanted]
    want = Counter(row + (rest if row not in loose else ()) for row, rest in rows)
    out = []
    if want - got: out.append(f"{(want - got).total()} episodes of the oracle have no alert:{few((want - got).items())}")
    if got - want: out.append(f"{(got - want).total()} alerts are of no episode of the oracle, or second ones:{few((got - want).items())}")
    return out


def states(docs):
    """Merged alerts lead to one that lives, if need be by way of others that were merged later; nothing stays open."""
    out = []
    def living(i, seen=()):
        there = docs.get(i)
        if there is None or i in seen: return None
        return living(there["tidegate"].get("merged_into"), (*seen, i)) if there["tidegate"]["episode"]["state"] == "merged" else there
    for i, d in docs.items():
        ours = d["tidegate"]
        if ours["kind"] != "correlation": continue
        state, into = ours["episode"]["state"], ours.get("merged_into")
        if state == "merged":
            if living(i) is None: out.append(f"{i} is merged into {into}, which leads to no alert")
        elif state != "closed" or into: out.append(f"{i} is {state} (merged_into {into})")
    return out


def stripped(d, several, parents, crowd=False):
    d, analytic = json.loads(json.dumps(d)), d["finding_info"]["analytic"]
    for *path, last in FREE + OF_ORDER * (several or analytic["uid"] in parents) + OF_MEASURE * (analytic.get("category") in MEASURED) + OF_PARENTS * (analytic["uid"] in parents) + OF_CROWDS * crowd:
        inner = d
        for name in path: inner = inner[name]
        inner.pop(last, None)
    return d


def differences(a, b, path=""):
    """Paths at which two documents differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        return [p for k in sorted({*a, *b}) for p in differences(a.get(k), b.get(k), f"{path}.{k}")]
    return [] if a == b else [path[1:]]


def same_of_one_log(docs, other):
    """The final documents are, to the last field, those of one process that nobody disturbed over the same log."""
    out = [f"alerts of only one of the runs:{few(docs.keys() ^ other.keys())}"] if docs.keys() != other.keys() else []
    unequal = [i for i in docs.keys() & other.keys() if docs[i] != other[i]]
    return out + ([f"{len(unequal)} documents differ:{few((i, differences(docs[i], other[i])) for i in unequal)}"] if unequal else [])


def same_as_undisturbed(docs, other, several, parents):
    """The final documents are those of a run over the same input that nobody disturbed, but for what is free."""
    of = lambda docs: {(cases.row_of(d), d["finding_info"]["uid"] if d["tidegate"]["kind"] != "correlation" else ""): d
                       for d in docs.values() if d["tidegate"]["episode"]["state"] != "merged"}
    one, two = of(docs), of(other)
    out = []
    if one.keys() != two.keys(): out.append(f"alerts of only one of the runs:{few(one.keys() ^ two.keys())}")
    where = defaultdict(list)
    crowds = cases.approximated(one.values()) & cases.approximated(two.values())
    for key in one.keys() & two.keys():
        crowd = several and key[0] in crowds
        for path in differences(*(stripped(side[key], several, parents, crowd) for side in (one, two))): where[path].append(key)
    return out + [f"{path} differs in {len(keys)} documents:{few(keys, 2)}" for path, keys in sorted(where.items())]


def lines_of_alerts(file, docs):
    """NDJSON: every version at most once, the newest equal to the state file's."""
    count, newest = Counter(), {}
    for line in file.read_text().splitlines():
        d = json.loads(line)
        key = d["finding_info"]["uid"], d["tidegate"]["revision"]
        count[key] += 1
        if key[1] >= newest.get(key[0], (0,))[0]: newest[key[0]] = key[1], d
    out = [f"{key} stands {n} times" for key, n in count.items() if n > 1]
    newest = {i: d for i, (_, d) in newest.items()}
    if newest.keys() != docs.keys(): out.append(f"alerts only in the lines or only in the state file:{few(newest.keys() ^ docs.keys())}")
    unequal = [i for i in newest.keys() & docs.keys() if newest[i] != docs[i]]
    if unequal: out.append(f"the last line is not the final document:{few((i, differences(newest[i], docs[i])) for i in unequal)}")
    return out


def pages(lives, docs):
    """Who was to be paged was, in order of the lives; again only if a life ended between sending and noting, and then marked."""
    out, told = [], defaultdict(list)
    for life in lives:
        for alert, repeated in life.pages: told[alert].append((life, repeated))
    for alert, some in told.items():
        if alert not in docs: out.append(f"a page of {alert}, which is no alert"); continue
        if any(not repeated for _, repeated in some[1:]): out.append(f"{alert} was paged again without a mark in life {[life.number for life, _ in some]}")
        noted = [life.number for life, _ in some[:-1] if alert not in life.unheard]
        if noted: out.append(f"{alert} was paged again after its page was noted in life {noted}")
        if len({life.number for life, _ in some}) < len(some): out.append(f"{alert} was paged twice in one life")
    due = {i for i, d in docs.items() if d["tidegate"]["paging"]["decision"] == "page"}
    if due - told.keys(): out.append(f"never paged:{few(due - told.keys())}")
    wrong = {i for i in told.keys() & docs.keys() if docs[i]["tidegate"]["paging"]["decision"] not in ("page", "merged")} 
    if wrong: out.append(f"paged though not to be:{few((i, docs[i]['tidegate']['paging']) for i in wrong)}")
    return out, sum(len(some) - 1 for some in told.values())


def state_file(state, broken):
    """SQLite's own check, and what was quarantined: each broken line once."""
    with sqlite3.connect(f"file:{state}?mode=ro", uri=True) as db:
        said = [row[0] for row in db.execute("PRAGMA integrity_check")]
        places = [row for row in db.execute("SELECT source, shard, sequence, sub_sequence FROM quarantine")]
    out = [] if said == ["ok"] else [f"integrity_check: {said[:3]}"]
    if len(places) != broken or len(set(places)) != broken: out.append(f"{broken} broken lines, but {len(places)} in the quarantine ({len(set(places))} places)")
    return out

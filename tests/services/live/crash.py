"""SIGKILL over the named windows while shards split and merge."""
from collections import Counter
from trial import LiveTrial, checks, kill_test

LEAST = kill_test.LEAST
DELIVERED = ("opensearch", "sns", "sns-critical")


def crash(args, parts, folder):
    """SIGKILL, spread over six windows of the work, while shards split and merge."""
    trial = LiveTrial(args, parts, args.seed, folder)
    try:
        hits, also, seconds = trial.kill_all(args.kills, min(LEAST, -(-args.kills // 10)))
        wrong, docs, repeated = trial.finish()
    finally: trial.leave()
    with_pages = sum(bool(life.unheard) for life in trial.lives)
    print(f"  {sum(hits.values())} kills in {seconds:.0f} s; {trial.lab.told()}")
    print(f"  {'kills':>8} {'also open':>10}  window")
    for window in kill_test.WINDOWS + [kill_test.ELSEWHERE]: print(f"  {hits[window]:8} {also[window]:10}  {window}")
    lanes = Counter(lane for life in trial.lives for lane in {key[1] for key, n in life.open.items() if key[0] == "lane" and n})
    print("  killed while something was on its way to: " + ", ".join(f"{lane} {n}" for lane, n in sorted(lanes.items())))
    if args.kills >= 10 * LEAST: wrong += [f"only {lanes[lane]} kills while {lane} was sent something" for lane in DELIVERED if lanes[lane] < LEAST]
    if args.kills >= 10 * LEAST: wrong += [f"only {hits[w]} kills {w}" for w in kill_test.WINDOWS if hits[w] < LEAST]
    most = 10 * trial.pipelines * with_pages
    if repeated > most: wrong.append(f"{repeated} pages were sent again, more than the {most} that can have been under way")
    seen = Counter(kill_test.occurred(trial, docs, repeated))
    print("  " + ", ".join(f"{n} {what}" for what, n in sorted(seen.items())))
    return wrong + trial.lost()

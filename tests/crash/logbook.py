"""The whole log of a state file: copied while the program cuts it, and applied again by a process that nobody disturbs.

What a Pipeline decides is a function of its log. So the final documents of a program that was killed a hundred times must be, byte
for byte, those that one undisturbed process makes of the same log, and who was paged must be whom that one pages.
"""
import shutil, sqlite3, subprocess, os

EVERY = .2                                                                     # seconds; far less than two snapshots take


class Logbook:
    forgotten = ("log", "snapshots", "pieces", "cursors", "alerts", "alert_accounts")

    def __init__(self, state):
        self.state, self.entries, self.last, self.kept, self.looked = state, {}, {}, {}, 0.0

    def look(self, now=None):
        """Copies what is new. Reads beside a program that writes; never changes the file."""
        if now is not None and now - self.looked < EVERY or not self.state.exists(): return
        self.looked = now or self.looked
        try:
            db = sqlite3.connect(f"file:{self.state}?mode=ro", uri=True, timeout=2)
            try: self.copy(db)
            finally: db.close()
        except sqlite3.OperationalError: pass                                  # busy, or not made yet: the next look

    def copy(self, db):
        for pipeline, in db.execute("SELECT DISTINCT pipeline FROM log").fetchall():
            for position, entry in db.execute("SELECT position, entry FROM log WHERE pipeline = ? AND position > ?", (pipeline, self.last.get(pipeline, 0))):
                self.entries[pipeline, position] = entry
                self.last[pipeline] = position
        for table in ("rule_sets", "rule_history"):
            for row in db.execute(f"SELECT * FROM {table}"): self.kept[table, row[0]] = row

    def whole(self):
        """What is missing in the copy, in words."""
        return [f"the copy of the log of Pipeline {p} has {n} of {self.last[p]} entries: this harness was too slow"
                for p in self.last if (n := sum(pipeline == p for pipeline, _ in self.entries)) != self.last[p]]

    def apply(self, binary, config, state):
        """A state file with the whole log and nothing that came of it; one process that brings it to its end."""
        with sqlite3.connect(self.state) as db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(self.state, state)
        with sqlite3.connect(state) as db:
            for table in self.forgotten: db.execute(f"DELETE FROM {table}")
            db.executemany("INSERT INTO log VALUES (?, ?, ?)", [(*at, entry) for at, entry in sorted(self.entries.items())])
            for (table, _), row in self.kept.items(): db.execute(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", row)
        done = subprocess.run([str(binary), "run", "-c", str(config)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=dict(os.environ, TIDEGATE_LOG="info"), cwd=config.parent, timeout=600)
        return [] if done.returncode == 0 else [f"the whole log applied again ends with {done.returncode}: {done.stderr[-500:]}"]

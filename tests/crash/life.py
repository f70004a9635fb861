"""One life of the program: started, watched through its standard error, killed in a window, and what it said before.

The program tells every step in lines of target `window`. The kill is sent when a chosen line comes; the program runs on until the
signal lands, so a kill counts for the window that was open at the last line it could still write.
"""
import json, os, select, signal, subprocess, time
from collections import Counter

WINDOWS = ["before an append", "between append and apply", "between send and acknowledgement", "inside a snapshot", "during catch-up", "during a reload"]
ELSEWHERE = "between two rounds"


class Life:
    def __init__(self, binary, config, number):
        self.number, self.lines, self.rest = number, [], b""
        self.open, self.last, self.count = Counter(), None, Counter()
        self.pages, self.unheard = [], set()                                   # (alert, repeated) in order; those not acknowledged
        self.said, self.steps, self.torn, self.started, self.address = [], [], False, None, None
        environment = dict(os.environ, TIDEGATE_LOG="info,window=trace")
        self.process = subprocess.Popen([str(binary), "run", "-c", str(config)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, env=environment, cwd=config.parent)
        self.pipe = self.process.stderr.fileno()

    # ---- reading -----------------------------------------------------------------------------------------------------

    def read(self, seconds):
        """New lines, waiting at most so long for some. None: the program has closed its standard error."""
        if not select.select([self.pipe], [], [], seconds)[0]: return []
        data = os.read(self.pipe, 1 << 16)
        if not data: return None
        *whole, self.rest = (self.rest + data).split(b"\n")
        return [self.note(line) for line in whole]

    def drain(self):
        while self.read(60) is not None: pass                                  # at once, if it was read to its end before
        self.torn = bool(self.rest)
        self.process.wait(60)

    def note(self, raw):
        """One line, taken into what is known. Answers (message, fields) of a line of target `window` or `page`."""
        self.lines.append(raw)
        try: line = json.loads(raw)
        except ValueError: self.said.append(raw.decode(errors="replace")); return "", {}
        fields, target = line["fields"], line["target"]
        message = fields.get("message", "")
        if target == "page": return self.page(fields)
        if target != "window":
            self.said.append(f"{line['level']} {message}")
            if message == "started": self.started = fields
            self.address = fields.get("address", self.address)
            return "", {}
        self.last = message
        self.count[message] += 1
        self.steps.append((message, fields))
        self.step(message, fields)
        return message, fields

    def page(self, fields):
        self.pages.append((fields["alert"], fields["repeated"]))
        self.unheard.add(fields["alert"])
        self.last = "page"; self.count["page"] += 1
        return "page", fields

    def step(self, message, fields):
        """Which windows are open."""
        lane = ("lane", fields.get("lane"), fields.get("pipeline"))
        match message:
            case "appending": self.open["append"] = 1
            case "appended": self.open["append"] = 0; self.open["apply"] = 1
            case "applied": self.open["apply"] = 0
            case "snapshot": self.open["snapshot"] = 1
            case "snapshot sealed": self.open["snapshot"] = 0
            case "restarting": self.open["catch-up"] = 1
            case "caught up": self.open["catch-up"] = 0
            case "reloading": self.open["reload"] = 1
            case "reloaded": self.open["reload"] = 0
            case "sending": self.open[lane] = 1
            case "acknowledged":
                self.open[lane] = 0
                if lane[1] == "log" and not any(n for key, n in self.open.items() if key[:2] == ("lane", "log")): self.unheard.clear()

    # ---- dying -------------------------------------------------------------------------------------------------------

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.drain()
        return self.window()

    def window(self):
        """The window it died in: the last line decides, but a reload and a catch-up hold rounds of their own."""
        if self.open["reload"]: return "during a reload"
        if self.open["catch-up"]: return "during catch-up"
        if self.last == "appending": return "before an append"
        if self.last == "appended": return "between append and apply"
        if self.last in ("sending", "page", "answered", "acknowledging"): return "between send and acknowledgement"
        if self.open["snapshot"]: return "inside a snapshot"                   # a thread of its own writes it, piece after piece
        if any(n for key, n in self.open.items() if key[0] == "lane"): return "between send and acknowledgement"
        return ELSEWHERE

    def also(self):
        """Every window that was open beside."""
        names = {"append": WINDOWS[0], "apply": WINDOWS[1], "snapshot": WINDOWS[3], "catch-up": WINDOWS[4], "reload": WINDOWS[5]}
        return {names.get(key, WINDOWS[2]) for key, n in self.open.items() if n}

    def end(self, seconds, meanwhile):
        """Lets it come to its own end; its exit code."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            meanwhile()
            if self.read(.1) is None: self.process.wait(60); return self.process.returncode
        self.kill()
        raise TimeoutError(f"life {self.number} did not end in {seconds} s")

#!/usr/bin/env python3
"""The page of `tidegate replay --baseline --html`, with events in it that an attacker wrote, in a real browser.

    run.py --binary target/debug/tidegate --browser chromium [--keep]

First the browser is tried on a page that is not safe: what would show an injection must show there. Then, on the page of a
difference whose events, keys, accounts, files and rule titles are full of markup:

* nothing of it runs, with the page's policy and without it (escaping alone must do);
* the document has no element and no attribute that the page's own text does not have: no script, image, link, form or handler;
* every hostile text is there, literally, as text;
* checkboxes hide what they say, which needs no script;
* nothing is loaded from anywhere: the page names no address to load from.
"""

import argparse
import html.parser
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HOSTILE = [
    "<script>document.title='ran'</script>",
    "\"><img src=x onerror=\"document.title='ran'\">",
    "'><svg/onload=document.title='ran'>",
    "javascript:document.title='ran'",
    "</pre></article></body><script>document.title='ran'</script>",
    "<!--<img src=\"--><img src=x onerror=document.title='ran'//\">",
    "&lt;script&gt;document.title='ran'&lt;/script&gt;",
    "<style>body{background:url(//203.0.113.1/x)}</style>",
    "<base href=//203.0.113.1/><meta http-equiv=refresh content=0>",
    "]]><iframe srcdoc=\"<script>parent.document.title='ran'</script>\">",
]
ELEMENTS = set("html head meta title style body h1 h2 p b div details summary table tbody tr th td svg text rect label input article pre".split())
ATTRIBUTES = set("lang charset http-equiv content name class viewbox width height role x y type id checked open".split())
TITLE = "Tidegate: the difference of two rule sets"

RULES = """title: %s
id: refused
name: refused
level: high
logsource: {product: shop, service: login}
detection: {s: {result: refused}, condition: s}
---
title: Two refusals <img src=x onerror=document.title='ran'>
id: two
level: critical
correlation: {type: event_count, rules: [refused], group-by: [who], timespan: 60s, condition: {gte: %d}, generate: true}
---
title: Only the old set has this
id: opened%d
level: low
logsource: {product: shop, service: login}
detection: {s: {result: opened}, condition: s}
"""


class Page(html.parser.HTMLParser):
    """Elements, attributes and text of a document."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.attributes, self.text, self.title, self.within = {}, set(), [], "", ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements[tag] = self.elements.get(tag, 0) + 1
        self.attributes |= {name for name, _ in attributes}
        self.within = tag

    def handle_data(self, data):
        if self.within == "title" and not self.title:
            self.title = data
        self.text.append(data)


def fail(what):
    print(f"FAILED: {what}", file=sys.stderr)
    sys.exit(1)


def opened(browser, folder, name, text):
    """The document after the browser has read it and run what it would run."""
    path = folder / f"{name}.html"
    path.write_text(text, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", f"--user-data-dir={folder}/profile"]
    command = [browser, *options, "--virtual-time-budget=3000", "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode != 0 or "<html" not in done.stdout:
        fail(f"the browser did not open {path}: {done.stderr[-800:]}")
    return Page(done.stdout)


def report(binary, folder):
    """The page of a difference over hostile events."""
    events = []
    for n, text in enumerate(HOSTILE * 2):
        for result in ("refused", "opened"):
            events.append({"ts": 1793613600 + n, "who": text, "result": result, "cloud.account.uid": text, "agent": text})
    (folder / "events <b onmouseover=document.title='ran'>.ndjson").write_text("\n".join(map(json.dumps, events)), encoding="utf-8")
    for name, title, least in (("old", "Refused", 1), ("new", json.dumps(HOSTILE[1]), 2)):
        (folder / f"{name}.yml").write_text(RULES % (title, least, least), encoding="utf-8")
    command = [binary, "replay", "-r", folder / "new.yml", "--baseline", folder / "old.yml", "--html", folder / "diff.html", "--json"]
    command += ["--format", "json", "--product", "shop", "--service", "login", "--time-field", "ts"]
    command += [next(folder.glob("events*"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        fail(f"the replay: {done.stderr}")
    return (folder / "diff.html").read_text(encoding="utf-8"), json.loads(done.stdout)["difference"]


def check(page, name):
    if page.title != TITLE:
        fail(f"{name}: something ran: the title is {page.title!r}")
    strange = set(page.elements) - ELEMENTS
    if strange:
        fail(f"{name}: elements that the page does not write: {sorted(strange)}")
    strange = page.attributes - ATTRIBUTES
    if strange:
        fail(f"{name}: attributes that the page does not write: {sorted(strange)}")
    text = "".join(page.text)
    for hostile in HOSTILE:
        if json.dumps(hostile)[1:-1] not in text and hostile not in text:
            fail(f"{name}: not shown literally: {hostile}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--binary", required=True, type=pathlib.Path)
    arguments.add_argument("--browser", required=True)
    arguments.add_argument("--keep", action="store_true")
    arguments = arguments.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tidegate-html-"))
    try:
        control = opened(arguments.browser, folder, "control", f"<title>still</title><p>{HOSTILE[1]}</p>")
        if control.title != "ran":
            fail("the browser does not run what it should on a page that is not safe: this test could not fail")
        source, difference = report(arguments.binary.resolve(), folder)
        lists = {kind: difference[kind] for kind in ("added", "removed", "changed")}
        if not all(lists.values()):
            fail(f"every kind of difference must be there: {({k: len(v) for k, v in lists.items()})}")
        if re.search(r"<[^>]*\b(src|href|srcset|action|data|poster|xlink:href)\s*=", source) or "url(" in re.sub(r"&[^;]+;", "", source.split("</style>")[0]):
            fail("the page names something to load")
        policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>\n', source)
        if not policy:
            fail("the page has no policy")
        check(opened(arguments.browser, folder, "page", source), "with its policy")
        without = source.replace(policy.group(0), "")
        check(opened(arguments.browser, folder, "without", without), "without its policy")
        shown = "[...document.querySelectorAll('article')].filter(a=>getComputedStyle(a).display!='none').length"
        for box, hidden in (("f-added", len(lists["added"])), ("f-removed", len(lists["removed"])), ("f-changed", len(lists["changed"]))):
            click = f"<script>document.getElementById('{box}').click();document.title={shown}</script></body>"
            page = opened(arguments.browser, folder, box, without.replace("</body></html>", click + "</html>"))
            total = sum(map(len, lists.values()))
            if page.title != str(total - hidden):
                fail(f"{box} unchecked leaves {page.title} of {total} differences, not {total - hidden}")
        print(f"{len(HOSTILE)} hostile texts shown literally, {sum(map(len, lists.values()))} differences, nothing ran")
    finally:
        if arguments.keep:
            print(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

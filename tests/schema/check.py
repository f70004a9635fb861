#!/usr/bin/env python3
"""The published JSON Schemas against a real validator: they admit every shipped rule and rule test, and refuse wrong ones.

    check.py --binary target/debug/tidegate [--rules rules]        needs jsonschema and PyYAML
"""
import argparse
import copy
import json
import pathlib
import subprocess
import sys

import jsonschema
import yaml


class Loader(yaml.SafeLoader):
    """YAML 1.2 in what matters here: a date is a text, and so are yes, no, on, off."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", __import__("re").compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


def documents(path):
    return [d for d in yaml.load_all(path.read_text(encoding="utf-8"), Loader) if d is not None]


def rule(**changes):
    base = {
        "title": "T",
        "logsource": {"product": "aws", "service": "cloudtrail"},
        "detection": {"a": {"eventName|contains": ["x", 1]}, "condition": "a"},
    }
    return {key: value for key, value in {**base, **changes}.items() if value is not None}


def correlation(**changes):
    base = {"type": "event_count", "rules": ["a"], "timespan": "5m", "condition": {"gte": 2}}
    return {"title": "C", "correlation": {**base, **changes}}


WRONG_RULES = [
    [],
    rule(title=None),
    rule(logsource=None),
    rule(logsource={"product": "aws", "servcie": "x"}),
    rule(logsource={}),
    rule(level="hihg"),
    rule(status="stabel"),
    rule(detection={"a": {"x": 1}}),
    rule(detection={"a": {"x|containz": "y"}, "condition": "a"}),
    rule(detection={"a": {}, "condition": "a"}),
    rule(detection={"a": {"x": []}, "condition": "a"}),
    rule(correlation=correlation()["correlation"]),
    correlation(type="event_cuont"),
    correlation(timespan="5"),
    correlation(timeframe="5m"),
    correlation(condition={"gtee": 2}),
    correlation(generate="yes"),
]
WRONG_TESTS = [
    {},
    {"cases": [{"name": "x", "is": "trew"}]},
    {"cases": [{"is": True}]},
    {"case": []},
    {"cases": [{"name": "x", "is": True, "events": [{"at": "5m"}]}]},
    {"cases": [{"name": "x", "is": True, "events": [{"use": "a", "at": "5 minutes"}]}]},
    {"cases": [], "events": {"a": {"kind": "cloudtrial"}}},
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default="target/debug/tidegate")
    parser.add_argument("--rules", default="rules")
    arguments = parser.parse_args()
    schemas = {}
    for kind in ("alert", "rule", "test", "config"):
        text = subprocess.run([arguments.binary, "schema", kind], check=True, capture_output=True, text=True).stdout
        schemas[kind] = json.loads(text)
        jsonschema.Draft202012Validator.check_schema(schemas[kind])
    admitted, errors = 0, []
    for path in sorted(pathlib.Path(arguments.rules).rglob("*.y*ml")):
        kind = "test" if ".test." in path.name else "rule"
        for document in documents(path):
            admitted += 1
            found = jsonschema.Draft202012Validator(schemas[kind]).iter_errors(document)
            errors += [f"{path}: {e.json_path}: {e.message[:200]}" for e in found]
    for kind, wrong in (("rule", WRONG_RULES), ("test", WRONG_TESTS)):
        validator = jsonschema.Draft202012Validator(schemas[kind])
        errors += [f"this wrong {kind} is admitted: {json.dumps(w)}" for w in wrong if validator.is_valid(w)]
    for sound in (rule(), correlation(), rule(score=5, tags=None, level="low")):
        errors += [f"a sound rule is refused: {e.message}" for e in jsonschema.Draft202012Validator(schemas["rule"]).iter_errors(copy.deepcopy(sound))]
    print("\n".join(errors))
    print(f"{admitted} documents admitted, {len(WRONG_RULES) + len(WRONG_TESTS)} wrong ones tried, {len(errors)} errors")
    if admitted < 100:
        sys.exit("too few documents: nothing was tested")
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The service on the real parts: Kinesis in, OpenSearch and SNS out, nothing lost and nothing doubled.

    run.py [PART...] --binary target/debug/tidegate       all parts, or those named; exit 1 if anything is wrong; what was found is kept in --keep

Starts a Kinesis (ferrokinesis), SNS with SQS (ministack) and an OpenSearch by the scripts beside, on ports of its own, and ends them.
"""
import argparse, shutil, sys, tempfile, time
from pathlib import Path
from parts import Parts
from crash import crash
from faults import kinesis_away, poison, reshard, search_dies, sns_away
from organisation import end_to_end, second_kinesis
from searchable import searchable
from standby import standby
from trial import kill_test

PARTS = {"end-to-end": end_to_end, "second-kinesis": second_kinesis, "reshard": reshard, "poison": poison, "kinesis-away": kinesis_away, "sns-away": sns_away,
         "search-dies": search_dies, "standby": standby, "crash": crash}
BENCHES = {"searchable": searchable}                                           # run by name only


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = Path(__file__).resolve().parents[3]
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS | BENCHES)}")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--takeovers", type=int, default=6, help="owners that are stopped and woken; half as many are killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--binary", type=Path, default=here / "target/debug/tidegate")
    parser.add_argument("--kinesis-port", type=int, default=24871)
    parser.add_argument("--search-port", type=int, default=24872)
    parser.add_argument("--aws-port", type=int, default=24873)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "tidegate-live", help="where a failed part is kept")
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS | BENCHES): parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS | BENCHES)}")
    args.binary = args.binary.resolve()
    return args


def main():
    args = arguments()
    parts, failed = Parts(args.kinesis_port, args.search_port, args.aws_port), []
    try:
        for name in args.parts or PARTS:
            part = (PARTS | BENCHES)[name]
            print(f"{name}: {part.__doc__.splitlines()[0]}", flush=True)
            began, folder = time.monotonic(), args.keep.resolve() / f"live-{name}"
            shutil.rmtree(folder, ignore_errors=True)
            try: wrong = part(args, parts, folder)
            except kill_test.Wrong as why: wrong = [str(why)]
            for what in wrong: print(f"  WRONG: {what}")
            print(f"  {'kept in ' + str(folder) if wrong else 'nothing lost, nothing doubled'}; {time.monotonic() - began:.0f} s", flush=True)
            if wrong: failed.append(name)
            else: shutil.rmtree(folder)
    finally: parts.leave()
    if failed: print(f"seed {args.seed}: FAILED: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

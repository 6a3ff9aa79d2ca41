#!/usr/bin/env python3
"""What a check costs, beside doing nothing: `make bench`.

Contestants, all behind the same nginx and the same page, measured in turns within one run:

    nginx      the page without any check
    return204  auth_request answered by nginx itself
    noop       auth_request to a C responder on libfcgi that always says what Postern says of this session (noop.c)
    postern    auth_request to Postern with SQLite sessions

Prints Markdown tables and writes .build/bench.json. Timings of one machine drift: compare within a run.
"""
import argparse
import json
import os
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "EndToEnd")]
import contestants  # noqa: E402
import questions  # noqa: E402

CONTESTANTS = ["nginx", "return204", "noop", "postern"]


def main():
    options = parse()
    with contestants.Field(options) as field:
        runs = measure(field, options)
        print(table(runs, options))
        write(runs)
        if not options.quick:
            print(questions.answer(field, options))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postern", default=".build/release/postern", help="the release binary")
    parser.add_argument("--seed", default=".build/release/postern-seed", help="the program that makes sessions")
    parser.add_argument("--connections", default="1,16,64")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--sessions", type=int, default=1, help="live sessions, asked for in turn")
    parser.add_argument("--quick", action="store_true", help="only the main table")
    return parser.parse_args()


def measure(field, options):
    runs = []
    for connections in map(int, options.connections.split(",")):
        for kept in (True, False):
            for _ in range(options.rounds):
                for name in CONTESTANTS:
                    run = field.run(name, connections, kept, options.seconds)
                    runs.append({"contestant": name, "connections": connections, "kept": kept, **run})
    return runs


def medians(runs):
    groups = {}
    for run in runs:
        groups.setdefault((run["connections"], run["kept"], run["contestant"]), []).append(run)
    for (connections, kept, name), group in groups.items():
        middle = {key: median(run[key] for run in group)
                  for key in ("requests_per_second", "cpu_us_per_check", "p50_ms", "p99_ms")}
        yield {"contestant": name, "connections": connections, "kept": kept, **middle}


def median(numbers):
    """`None` where there is nothing to measure: no daemon, no CPU of it."""
    numbers = [number for number in numbers if number is not None]
    return statistics.median(numbers) if numbers else None


def table(runs, options):
    rows = {(r["connections"], r["kept"], r["contestant"]): r for r in medians(runs)}
    lines = [f"Medians of {options.rounds} rounds of {options.seconds} s, in turns; {options.sessions} live session(s).", "",
             "| connections | FastCGI connections | contestant | requests/s | of noop | CPU µs/check | of noop | p50 ms | p99 ms |",
             "|--:|---|---|--:|--:|--:|--:|--:|--:|"]
    for (connections, kept, name), row in rows.items():
        noop = rows[(connections, kept, "noop")]
        asks = name in ("noop", "postern")
        lines.append(
            f"| {connections} | {'kept' if kept else 'not kept'} | {name} | {row['requests_per_second']:,.0f} | "
            f"{ratio(runs, connections, kept, name, 'requests_per_second'):.2f} | "
            + (f"{row['cpu_us_per_check']:.1f} | {row['cpu_us_per_check'] / noop['cpu_us_per_check']:.2f}" if asks else "- | -")
            + f" | {row['p50_ms']:.2f} | {row['p99_ms']:.2f} |")
    return "\n".join(lines) + "\n"


def ratio(runs, connections, kept, name, key):
    """The median of the ratios within each round, because the speed of the machine drifts between rounds."""
    def of(contestant):
        return [r[key] for r in runs
                if (r["connections"], r["kept"], r["contestant"]) == (connections, kept, contestant)]
    return statistics.median(ours / noop for ours, noop in zip(of(name), of("noop")))


def write(runs):
    os.makedirs(".build", exist_ok=True)
    with open(".build/bench.json", "w") as file:
        json.dump(list(medians(runs)), file, indent=1)


if __name__ == "__main__":
    main()

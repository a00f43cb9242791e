#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Scrapes the example `metrics` and checks each line against the text format of Prometheus (exposition format 0.0.4).

    scraped.py PROGRAM"""

import math
import re
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf'({NAME})(?:\{{([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"\}})? (\S+)')


def require(holds, what):
    if not holds:
        raise AssertionError(what)


def parse(text):
    """{metric: (type, [(sample name, label, value)])}. Each metric has HELP, then TYPE, then all its samples."""
    require(text.endswith("\n"), "the last line has no end")
    metrics, current = {}, None
    for line in text.split("\n")[:-1]:
        if match := re.fullmatch(rf"# HELP ({NAME}) (.+)", line):
            current = match[1]
            require(current not in metrics, f"{current} comes twice")
            metrics[current] = [None, []]
        elif match := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|histogram)", line):
            require(match[1] == current and metrics[current][0] is None and not metrics[current][1], line)
            metrics[current][0] = match[2]
        else:
            match = SAMPLE.fullmatch(line)
            require(match, f"no sample: {line}")
            family = re.sub("_(bucket|sum|count)$", "", match[1]) if metrics[current][0] == "histogram" else match[1]
            require(family == current and metrics[current][0], f"{line} is not of {current}")
            metrics[current][1].append((match[1], match[3], float(match[4])))
    for name, (kind, samples) in metrics.items():
        require(samples, f"{name} has no sample")
        require((kind == "counter") == name.endswith("_total"), f"{name} is a {kind}")
        if kind == "histogram":
            check_histogram(name, samples)
    return metrics


def check_histogram(name, samples):
    bounds = [float(label) for sample, label, _ in samples if sample == name + "_bucket"]
    counts = [value for sample, _, value in samples if sample == name + "_bucket"]
    rest = {sample: value for sample, label, value in samples if label is None}
    require(bounds == sorted(set(bounds)) and math.isinf(bounds[-1]), f"bounds of {name}: {bounds}")
    require(counts == sorted(counts) and counts[-1] == rest[name + "_count"], f"counts of {name}: {counts}")
    require(name + "_sum" in rest and (rest[name + "_sum"] > 0) == (counts[-1] > 0), f"sum of {name}")


def value(metrics, name):
    return metrics["rewal_" + name][1][-1][2]


def main():
    with tempfile.TemporaryDirectory() as folder:
        program = subprocess.Popen([sys.argv[1], folder + "/metrics.wal", "0"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True, bufsize=1)
        address = program.stdout.readline().strip()

        def scrape():
            with urllib.request.urlopen(address, timeout=10) as answer:
                require(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"), "content type")
                return parse(answer.read().decode())

        first = scrape()
        require(value(first, "events_total") == 0, "events in a new log")
        require(value(first, "running") == 1 and value(first, "error") == 0, "it is not running")
        host, port = re.fullmatch(r"http://(.*):(\d+)/metrics", address).groups()
        with socket.create_connection((host, int(port))):  # says nothing, and keeps nobody out for long
            for n in range(200):
                program.stdin.write(f"event {n}\n")
            program.stdin.flush()
            while value(scrape(), "durable_lsn") < 200:
                pass
        second = scrape()
        require(value(second, "events_total") == 200, "not all events are counted")
        require(value(second, "durable_lag_events") == 0, "not all is durable")
        require(value(second, "fsync_seconds") >= 200, "each event had an fsync")
        for name, (kind, samples) in first.items():
            if kind == "counter":
                require(second[name][1][0][2] >= samples[0][2], f"{name} went back")
        try:
            urllib.request.urlopen(address.replace("metrics", "other"), timeout=10)
            require(False, "another path was answered")
        except urllib.error.HTTPError as error:
            require(error.code == 404, "another path")
        program.stdin.close()
        require(program.wait(timeout=60) == 0, "it did not end well")
        print(f"{len(second)} metrics, {sum(len(samples) for _, samples in second.values())} samples")


if __name__ == "__main__":
    main()

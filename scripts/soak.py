#!/usr/bin/env python3
"""Mixed load through tollgate for a while, good and bad callers together: does memory stay where it is?

    python3 scripts/soak.py                     twenty minutes against the static upstream
    python3 scripts/soak.py --minutes 3 --target duties --no-build

Samples memory, open files and threads each 5 seconds into bench/soak.json, prints the curve and a
verdict. What it can show and what it cannot: docs/bench.md.
"""
import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time

from bench_common import CHAT, Bench, Failed, ask, build, free_port, machine, say, write_out
from soak_callers import CALLERS, Book

SAMPLE_SECS = 5
GROWTH = 1.10  # most that the last third's median may be over the middle third's
JUDGED_SECS = 8 * 60  # a shorter run shows the curve but says nothing about growth
SLACK_FILES = 4  # open files that may be left over the baseline at the end
BARS = "▁▂▃▄▅▆▇█"


def sample(pid, begin):
    """One reading of a process; None when it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            fields = dict(line.split(":", 1) for line in f)
        files = len(os.listdir(f"/proc/{pid}/fd"))
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            stat = f.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    if "VmRSS" not in fields:
        return None
    return {
        "at": round(time.monotonic() - begin, 1),
        "rss_kib": int(fields["VmRSS"].split()[0]),
        "files": files,
        "threads": int(fields["Threads"]),
        "cpu_s": (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"),
    }


def sparkline(values, width=72):
    """A curve in one line of text."""
    if not values:
        return ""
    step = max(1, -(-len(values) // width))
    means = [statistics.mean(values[i:i + step]) for i in range(0, len(values), step)]
    low, high = min(means), max(means)
    span = (high - low) or 1
    return "".join(BARS[int((m - low) / span * (len(BARS) - 1))] for m in means)


def thirds(values):
    """Medians of the first, the middle and the last third."""
    n = len(values) // 3
    return [statistics.median(part) for part in (values[:n], values[n:2 * n], values[2 * n:])] if n else None


class Soak:
    """One soak: the gateway, the callers and the readings."""

    def __init__(self, bench, options):
        self.bench, self.o = bench, options
        self.secs = options.minutes * 60
        self.samples, self.book = [], Book()
        self.loads, self.over = {}, threading.Event()

    def start_upstream(self):
        if self.o.upstream == "static":
            return self.bench.upstream()
        port = free_port()
        p = self.bench.spawn([self.bench.tollgate, "sim", "--listen", f"127.0.0.1:{port}"],
                             self.bench.other_core, "sim")
        self.bench.wait(p, "sim", lambda: ask(port, "POST", "/v1/chat/completions", "sk-upstream",
                                              CHAT | {"model": "gpt-5-mini"})[0] > 0)
        return p, port

    def start_loads(self, gateway):
        """The well-behaved callers: three load generators that check what they get."""
        depth = ["--check", "full" if self.o.upstream == "static" else "status"]
        for name, args in {
            "chat": ["--connections", 16, "--rate", self.o.rate],
            "stream": ["--connections", 8, "--chunks", 100, "--delay-us", 20000],
            "embeddings": ["--connections", 1, "--rate", 0.2],
        }.items():
            cmd = self.bench.load_command(gateway, "--kind", name, "--warm", 0, "--secs", self.secs, *depth, *args)
            mine = os.sched_getaffinity(0)
            if self.bench.other_core:
                os.sched_setaffinity(0, self.bench.other_core)
            p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            os.sched_setaffinity(0, mine)
            self.bench.running.append(p)
            self.loads[name] = p

    def run(self):
        upstream, up_port = self.start_upstream()
        gateway = self.bench.gateway(self.o.target, up_port)
        pid = gateway.process.pid
        time.sleep(2)
        begin = time.monotonic()
        baseline = sample(pid, begin)
        if baseline is None:
            raise Failed("the gateway is gone before it began")
        say(f"{self.o.target}: {baseline['rss_kib'] / 1024:.1f} MiB, {baseline['files']} files, "
            f"{baseline['threads']} threads; {self.o.minutes:g} minutes to go")
        self.start_loads(gateway)
        strict = self.o.target == "tollgate"
        callers = []
        for nth, caller in enumerate(CALLERS):
            c = caller(gateway, self.book, self.over, random.Random(self.o.seed * 1000 + nth), strict)
            callers.append(threading.Thread(target=c.run, name=caller.__name__, daemon=True))
        for t in callers:
            t.start()
        died = self.watch(pid, begin)
        self.over.set()
        for t in callers:
            t.join(30)
        reports = self.collect()
        answers = not died and ask(gateway.port, "POST", "/v1/chat/completions", gateway.key, CHAT)[0] == 200
        files = None if died else self.settle(pid, begin, baseline, upstream)
        return {"baseline": baseline, "samples": self.samples, "loads": reports, "callers": self.book.counts,
                "unexpected": self.book.unexpected, "died": died, "answers_at_end": answers, "end": files}

    def watch(self, pid, begin):
        """Reads the process until the time is up; true if it died."""
        said = 0
        while (now := time.monotonic() - begin) < self.secs:
            reading = sample(pid, begin)
            if reading is None:
                return True
            self.samples.append(reading)
            if now - said >= 60:
                said = now
                say(f"  {now / 60:4.1f} min  {reading['rss_kib'] / 1024:7.1f} MiB  {reading['files']} files")
            time.sleep(min(SAMPLE_SECS, max(0.0, self.secs - now)))
        return False

    def collect(self):
        reports = {}
        for name, p in self.loads.items():
            try:
                out, err = p.communicate(timeout=90)
                reports[name] = json.loads(out) if out.strip() else {"failed": err.strip()[-300:]}
            except (subprocess.TimeoutExpired, ValueError):
                reports[name] = {"failed": "the load generator did not end"}
            self.bench.stop(p)
        return reports

    def settle(self, pid, begin, baseline, upstream):
        """Waits for open files to go back to the baseline. Idle upstream connections may rightly stay for a
        while; if they stay long, the upstream is ended, which ends them too."""
        wanted, reading, stopped = baseline["files"] + SLACK_FILES, None, False
        end = time.monotonic() + self.o.settle
        while True:
            reading = sample(pid, begin) or reading
            if reading and reading["files"] <= wanted:
                break
            if time.monotonic() > end:
                if stopped:
                    break
                stopped = True
                self.bench.stop(upstream)
                end = time.monotonic() + 10
            time.sleep(0.5)
        return {"reading": reading, "upstream_ended_first": stopped, "wanted_files": wanted}


def judge(seen):
    """The findings, each with whether it is good."""
    found = []
    found.append((not seen["died"], "the gateway lived to the end"))
    rss = [s["rss_kib"] for s in seen["samples"]]
    parts = thirds(rss)
    if parts:
        ratio = parts[2] / parts[1]
        short = seen["samples"][-1]["at"] < JUDGED_SECS
        found.append((short or ratio <= GROWTH,
                      f"memory: last third {parts[2] / 1024:.1f} MiB = {ratio:.3f} x the middle third "
                      f"({'too short a run to judge' if short else f'limit {GROWTH}'})"))
        hours = (seen["samples"][-1]["at"] - seen["samples"][0]["at"]) / 3600
        per_hour = (ratio - 1) / (hours / 3) * 100 if hours else 0.0
        seen["slope_percent_per_hour"] = round(per_hour, 1)
    else:
        found.append((False, "memory: too few readings"))
    end = seen["end"]
    if end and end["reading"]:
        how = ", after the upstream was ended" if end["upstream_ended_first"] else ""
        found.append((end["reading"]["files"] <= end["wanted_files"],
                      f"open files: {seen['baseline']['files']} before, {end['reading']['files']} at the end{how}"))
    threads = {s["threads"] for s in seen["samples"]}
    if threads:
        found.append((max(threads) - min(threads) <= 64, f"threads: {min(threads)} to {max(threads)}"))
    for name, r in seen["loads"].items():
        bad = r.get("failed") or r.get("errors")
        p99 = (r.get("latency_us") or {}).get("p99") or 0
        found.append((not bad and r.get("answers", 0) > 0,
                      f"{name}: {r.get('answers', 0):,} right answers, p99 {p99 / 1000:.1f} ms, {r.get('errors', 0)} errors"
                      + (f" ({r.get('failed') or r.get('first_error')})" if bad else "")))
    found.append((not seen["unexpected"], "bad callers: " + (", ".join(f"{k} {v:,}" for k, v in sorted(seen["callers"].items())) or "none")))
    found += [(False, f"unexpected: {text} ({n} times)") for text, n in sorted(seen["unexpected"].items())[:10]]
    if not seen["died"]:
        found.append((seen["answers_at_end"], "it answers once the load is gone"))
    return found


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    a.add_argument("--minutes", type=float, default=20.0, help="length (20)")
    a.add_argument("--rate", type=float, default=100.0, help="plain chat requests a second (100)")
    a.add_argument("--target", choices=["tollgate", "duties", "hyper", "nginx"], default="tollgate")
    a.add_argument("--upstream", choices=["static", "sim"], default="static", help="static upstream or `tollgate sim`")
    a.add_argument("--settle", type=float, default=100.0, help="seconds that idle upstream connections may take to go (100)")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--tollgate", help="another tollgate program than the one in target/release")
    a.add_argument("--no-build", action="store_true", help="run what is built already")
    o = a.parse_args()
    o.minutes = max(0.2, min(o.minutes, 24 * 60))
    if not o.no_build:
        wants = o.tollgate is None and "tollgate" in (o.target, "tollgate" if o.upstream == "sim" else "")
        build((["tollgate"] if wants else []) + ["tollgate-bench"])
    about = machine()
    with Bench(os.path.abspath(o.tollgate) if o.tollgate else None) as bench:
        if why := bench.available(o.target):
            raise Failed(why)
        seen = Soak(bench, o).run()
    found = judge(seen)
    good = all(ok for ok, _ in found)
    rss = [s["rss_kib"] / 1024 for s in seen["samples"]]
    files = [s["files"] for s in seen["samples"]]
    if rss:
        say(f"\nmemory, {min(rss):.1f} to {max(rss):.1f} MiB\n{sparkline(rss)}")
        say(f"open files, {min(files)} to {max(files)}\n{sparkline(files)}\n")
    for ok, text in found:
        say(" ok " if ok else "BAD ", text)
    say("\nsoak:", "passed" if good else "FAILED")
    write_out("soak.json", json.dumps({"machine": about, "options": vars(o) | {"tollgate": None}, "passed": good,
                                       "findings": [{"ok": ok, "text": t} for ok, t in found], **seen}, indent=1) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as e:
        sys.exit(f"soak: {e}")

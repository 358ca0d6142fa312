#!/usr/bin/env python3
"""Measures tollgate beside nginx and two control proxies, and holds the figures against their goals.

    python3 scripts/bench.py                    three rounds of everything, about twelve minutes
    python3 scripts/bench.py --quick            one short round: does it run, is anything far off
    python3 scripts/bench.py --cases c64,stream0 --only direct,nginx,duties,tollgate

Method, figures and limits: docs/bench.md. Results: bench/results.json and bench/results.md.
"""
import argparse
import json
import os
import sys
import time

from bench_common import Bench, Failed, Gateway, CONTROL_KEY, build, machine, say, write_out
from bench_report import render

GATEWAYS = ["direct", "nginx", "hyper", "duties", "unbooked", "translated", "tollgate"]
# name: arguments of the load generator. Order matters: the peak of memory is read after c256, before
# the big bodies of the embeddings.
LOADS = {
    "c1": ["--kind", "chat", "--connections", 1],
    "r1000": ["--kind", "chat", "--connections", 64, "--rate", 1000],
    "c64": ["--kind", "chat", "--connections", 64],
    "c256": ["--kind", "chat", "--connections", 256],
    "stream0": ["--kind", "stream", "--connections", 64, "--chunks", 200, "--warm", 1.5],
    "stream5": ["--kind", "stream", "--connections", 64, "--chunks", 200, "--delay-us", 5000, "--warm", 1.5],
    "embeddings": ["--kind", "embeddings", "--connections", 4],
}
CASES = [*LOADS, "idle", "cold"]
# Of "translated" only what is told in words can be had: the load speaks another protocol than the upstream.
SPOKEN = {case for case, load in LOADS.items() if load[1] in ("chat", "stream")}
CALM = {"c1", "r1000", "stream5"}  # latency is the point and the cores are mostly idle


class Priority:
    """Keeps other work on the machine out of the way, if asked to and allowed to."""

    def __init__(self, wanted):
        self.on = False
        if not wanted:
            return
        try:
            os.setpriority(os.PRIO_PROCESS, 0, -19)
            self.on = True
        except PermissionError:
            say("note: --priority needs root; going on without it")
            return
        try:  # where the kernel groups processes by session, the group has a nice value of its own
            if os.getpid() != os.getpgid(0):
                os.setsid()
            with open("/proc/self/autogroup", "w", encoding="utf-8") as f:
                f.write("-19")
        except OSError:
            pass

    def real_time(self, pids, on):
        """Sets or clears real-time scheduling of processes, and of what we start next."""
        if not self.on:
            return
        policy, param = (os.SCHED_RR, os.sched_param(5)) if on else (os.SCHED_OTHER, os.sched_param(0))
        for pid in [*pids, os.getpid()]:
            try:
                for thread in os.listdir(f"/proc/{pid}/task"):
                    os.sched_setscheduler(int(thread), policy, param)
            except OSError:
                pass


class Run:
    """The rounds and the rows they give."""

    def __init__(self, bench, options, priority):
        self.bench, self.options, self.priority = bench, options, priority
        self.rows = []
        self.names = options.only
        self.streams = 500 if options.quick else min(5000, (bench.files - 1000) // 3)
        if self.streams < 5000 and not options.quick:
            say(f"note: {bench.files} open files allowed, so {self.streams} idle streams instead of 5,000")

    def add(self, round_, name, case, report):
        report.update(round=round_, gateway=name, case=case)
        self.rows.append(report)
        latency = (report.get("latency_us") or {}).get("p50")
        shown = {"answers/s": report.get("per_second"), "p50 us": latency,
                 "CPU us": report.get("cpu_us_per_chunk") or report.get("cpu_us_per_answer"),
                 "KiB/stream": report.get("kib_per_stream"), "ready ms": report.get("ready_ms"),
                 "idle KiB": report.get("rss_kib"), "errors": report.get("errors") or None,
                 "error": report.get("failed") or report.get("first_error")}
        say(f"  {round_ + 1} {case:11}{name:9}", ", ".join(f"{k} {v}" for k, v in shown.items() if v is not None))

    def fail(self, round_, name, case, error):
        self.add(round_, name, case, {"failed": str(error)[:400]})

    def start(self, name, upstream):
        process, port = upstream
        if name == "direct":
            return Gateway("direct", process, port, CONTROL_KEY)
        return self.bench.gateway(name, port)

    def round(self, n):
        turn = n % len(self.names)
        names = self.names[turn:] + self.names[:turn]  # who goes first changes with the round
        upstream = self.bench.upstream()
        try:
            self.loads(n, names, upstream)
            for name in names:
                if name not in ("direct", "translated"):
                    self.alone(n, name, upstream)
        finally:
            self.bench.stop(upstream[0])

    def loads(self, n, names, upstream):
        """All gateways run side by side, idle but for the one whose turn it is."""
        cases = [c for c in LOADS if c in self.options.cases]
        if not cases:
            return
        up = []
        for name in names:
            try:
                up.append(self.start(name, upstream))
            except Failed as e:
                self.fail(n, name, "start", e)
        time.sleep(1)
        for g in up:
            if g.name != "direct":
                self.add(n, g.name, "rss", {"rss_kib": resident(g.process.pid)})
        for case in cases:
            for g in up:
                if g.name == "translated" and case not in SPOKEN:
                    continue
                real_time = case in CALM
                pids = [g.process.pid, *children(g.process.pid), upstream[0].pid]
                self.priority.real_time(pids, real_time)
                try:
                    args = [*LOADS[case], "--secs", self.options.secs]
                    if g.name == "translated":
                        args += ["--protocol", "messages"]
                    self.add(n, g.name, case, self.bench.load(g, *args))
                except Failed as e:
                    self.fail(n, g.name, case, e)
                finally:
                    if real_time:
                        self.priority.real_time(pids, False)
                time.sleep(0.2)
        for g in up:
            if g.name != "direct":
                self.bench.stop(g.process)

    def alone(self, n, name, upstream):
        """What needs a fresh process: idle streams, and the start itself."""
        if "idle" in self.options.cases:
            g = None
            try:
                g = self.start(name, upstream)
                time.sleep(0.5)
                self.add(n, name, "idle", self.bench.load(g, "--kind", "hold", "--connections", self.streams,
                                                          "--secs", 60))
            except Failed as e:
                self.fail(n, name, "idle", e)
            finally:
                if g:
                    self.bench.stop(g.process)
        if "cold" in self.options.cases:
            for _ in range(1 if self.options.quick else 3):
                try:
                    g = self.start(name, upstream)
                    self.add(n, name, "cold", {"ready_ms": round(g.ready_ms, 1), "answer_ms": round(g.answer_ms, 1)})
                    self.bench.stop(g.process)
                except Failed as e:
                    self.fail(n, name, "cold", e)


def children(pid):
    """Direct children of a process."""
    found = []
    for d in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{d}/stat", encoding="utf-8", errors="replace") as f:
                if int(f.read().rsplit(")", 1)[1].split()[1]) == pid:
                    found.append(int(d))
        except (OSError, IndexError, ValueError):
            pass
    return found


def resident(pid):
    """Resident memory of a process and its children in KiB."""
    total = 0
    for p in [pid, *children(pid)]:
        try:
            with open(f"/proc/{p}/status", encoding="utf-8") as f:
                total += next((int(x.split()[1]) for x in f if x.startswith("VmRSS:")), 0)
        except OSError:
            pass
    return total


def listed(text, known):
    names = [n for n in text.split(",") if n]
    for n in names:
        if n not in known:
            raise argparse.ArgumentTypeError(f"{n!r} is not one of {','.join(known)}")
    return [k for k in known if k in names]


def options():
    a = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    a.add_argument("--rounds", type=int, default=3, help="rounds; figures are medians over them (3)")
    a.add_argument("--secs", type=float, default=3.0, help="length of each window (3)")
    a.add_argument("--cases", type=lambda t: listed(t, CASES), default=CASES, help=",".join(CASES))
    a.add_argument("--only", type=lambda t: listed(t, GATEWAYS), default=GATEWAYS, help=",".join(GATEWAYS))
    a.add_argument("--subject", choices=GATEWAYS[1:], default="tollgate", help="whose figures are judged (tollgate)")
    a.add_argument("--quick", action="store_true", help="one round, windows of 1 s, 500 idle streams")
    a.add_argument("--tollgate", help="another tollgate program than the one in target/release")
    a.add_argument("--no-build", action="store_true", help="measure what is built already")
    a.add_argument("--priority", action="store_true",
                   help="run above other work on this machine (root): nice -19, real time where latency is the point")
    a.add_argument("--strict", action="store_true", help="exit 1 if a figure is out of reach or a request failed")
    o = a.parse_args()
    if o.quick:
        o.rounds, o.secs = 1, 1.0
    o.rounds, o.secs = max(1, min(o.rounds, 20)), max(0.5, min(o.secs, 60.0))
    return o


def main():
    o = options()
    if not o.no_build:
        wants = o.tollgate is None and "tollgate" in o.only
        build((["tollgate"] if wants else []) + ["tollgate-bench"])
    about = machine()
    with Bench(os.path.abspath(o.tollgate) if o.tollgate else None) as bench:
        for name in list(o.only):
            if why := bench.available(name):
                say(f"note: {name} is left out: {why}")
                o.only = [n for n in o.only if n != name]
        if about["load_average"][0] > 0.5:
            say(f"note: other work runs on this machine (load {about['load_average'][0]}); trust ratios, not times")
        if not bench.gateway_core:
            say("note: one core only; gateway, load and upstream share it")
        run = Run(bench, o, Priority(o.priority))
        begin = time.monotonic()
        try:
            for n in range(o.rounds):
                run.round(n)
        except KeyboardInterrupt:
            say("interrupted; reporting what there is")
        about["load_average_after"] = [round(x, 2) for x in os.getloadavg()]
        about["minutes"] = round((time.monotonic() - begin) / 60, 1)
        about["pinned"] = bool(bench.gateway_core)
        about["priority"] = run.priority.on
    how = {"rounds": o.rounds, "secs": o.secs, "cases": o.cases, "gateways": o.only, "idle_streams": run.streams}
    text, figures, bad = render(run.rows, o.only, o.subject, about, how)
    say("\n" + text)
    write_out("results.json", json.dumps({"machine": about, "options": how, "figures": figures, "rows": run.rows},
                                         indent=1) + "\n")
    write_out("results.md", text)
    return 1 if o.strict and bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as e:
        sys.exit(f"bench: {e}")

"""Rows of bench.py into medians, ratios and verdicts."""
import statistics

# name, unit, case, path in the row, scale, difference to `direct`
MEASURES = [
    ("chat answers/s, 64 connections", "c64", ("per_second",), 1, False),
    ("chat answers/s, 256 connections", "c256", ("per_second",), 1, False),
    ("CPU us per chat request, 1 connection", "c1", ("cpu_us_per_answer",), 1, False),
    ("CPU us per chat request, 64 connections", "c64", ("cpu_us_per_answer",), 1, False),
    ("CPU us per chat request, 256 connections", "c256", ("cpu_us_per_answer",), 1, False),
    ("CPU us per chat request, 1,000/s", "r1000", ("cpu_us_per_answer",), 1, False),
    ("added p50 us, 1 connection", "c1", ("latency_us", "p50"), 1, True),
    ("added p99 us, 1 connection", "c1", ("latency_us", "p99"), 1, True),
    ("added p50 us, 1,000/s", "r1000", ("latency_us", "p50"), 1, True),
    ("added p99 us, 1,000/s", "r1000", ("latency_us", "p99"), 1, True),
    ("CPU us per chunk, no delay", "stream0", ("cpu_us_per_chunk",), 1, False),
    ("chunks/s, no delay", "stream0", ("chunks_per_second",), 1, False),
    ("CPU us per chunk, 5 ms", "stream5", ("cpu_us_per_chunk",), 1, False),
    ("added first byte p50 us, 5 ms", "stream5", ("first_byte_us", "p50"), 1, True),
    ("added delay per chunk p50 us, 5 ms", "stream5", ("chunk_delay_us", "p50"), 1, True),
    ("added delay per chunk p99 us, 5 ms", "stream5", ("chunk_delay_us", "p99"), 1, True),
    ("CPU ms per embeddings answer", "embeddings", ("cpu_us_per_answer",), 1000, False),
    ("embeddings MB/s", "embeddings", ("megabytes_per_second",), 1, False),
    ("idle streams open", "idle", ("open",), 1, False),
    ("KiB per idle stream", "idle", ("kib_per_stream",), 1, False),
    ("idle CPU share with them", "idle", ("idle_cpu_share",), 1, False),
    ("RSS idle MiB", "rss", ("rss_kib",), 1024, False),
    ("peak RSS MiB, 256 connections", "c256", ("memory", "peak_kib"), 1024, False),
    ("cold start ms", "cold", ("ready_ms",), 1, False),
    ("cold start to first answer ms", "cold", ("answer_ms",), 1, False),
]
# figure, measure, against (None: absolute), reach, aim, higher is better
GOALS = [
    ("CPU per chat request, 64 connections, x nginx", "CPU us per chat request, 64 connections", "nginx", 1.5, 1.0, False),
    ("CPU per chat request, 64 connections, x duties", "CPU us per chat request, 64 connections", "duties", 1.25, None, False),
    ("throughput, 64 connections, x nginx", "chat answers/s, 64 connections", "nginx", 0.7, 0.95, True),
    ("added p50, one connection, x nginx's", "added p50 us, 1 connection", "nginx", 1.5, 1.15, False),
    ("added p50, 1,000/s, x nginx's", "added p50 us, 1,000/s", "nginx", None, None, False),
    ("CPU per chat request, 64 connections, x itself without books", "CPU us per chat request, 64 connections", "unbooked", 1.15, None, False),
    ("CPU per streamed chunk, no delay, x duties", "CPU us per chunk, no delay", "duties", 1.5, None, False),
    ("CPU per chat request, 64 connections, share of what translating takes", "CPU us per chat request, 64 connections", "translated", 0.5, None, True),
    ("CPU per streamed chunk, no delay, share of what translating takes", "CPU us per chunk, no delay", "translated", 0.5, None, True),
    ("added delay per chunk at 5 ms, p50, x nginx's", "added delay per chunk p50 us, 5 ms", "nginx", 2.0, 1.0, False),
    ("memory per idle stream, KiB", "KiB per idle stream", None, 49, 20, False),
    ("11 MB embeddings answer, CPU, x duties", "CPU ms per embeddings answer", "duties", 2.0, 1.2, False),
    ("RSS idle, MiB", "RSS idle MiB", None, 40, 25, False),
    ("RSS at 256 connections, peak, MiB", "peak RSS MiB, 256 connections", None, 80, 40, False),
    ("cold start to ready, ms", "cold start ms", None, 100, 30, False),
]
NOISE_US = 5.0  # a difference of two medians below this is nothing to divide by


def dig(row, path):
    for name in path:
        row = row.get(name) if isinstance(row, dict) else None
    return row if isinstance(row, (int, float)) else None


class Table:
    """Every measure by gateway and round."""

    def __init__(self, rows):
        self.values = {}
        for name, case, path, scale, added in MEASURES:
            found = {}
            for row in rows:
                value = dig(row, path) if row["case"] == case else None
                if value is not None:
                    found.setdefault((row["gateway"], row["round"]), []).append(value / scale)
            rounds = {k: statistics.median(v) for k, v in found.items()}
            if added:
                rounds = {(g, r): v - rounds["direct", r] for (g, r), v in rounds.items()
                          if g != "direct" and ("direct", r) in rounds}
            self.values[name] = rounds

    def rounds(self, measure, gateway):
        return {r: v for (g, r), v in self.values[measure].items() if g == gateway}

    def median(self, measure, gateway):
        found = self.rounds(measure, gateway).values()
        return statistics.median(found) if found else None

    def ratio(self, measure, gateway, against):
        """Median, lowest and highest of the ratios within a round."""
        mine, theirs = self.rounds(measure, gateway), self.rounds(measure, against)
        floor = NOISE_US if measure.startswith("added") else 0.0
        found = [mine[r] / theirs[r] for r in mine if theirs.get(r, 0.0) > floor]
        return (statistics.median(found), min(found), max(found)) if found else None


def verdict(value, reach, aim, higher):
    if reach is None and aim is None:
        return "-"
    if value is None:
        return "not measured"

    def holds(limit):
        return limit is not None and (value >= limit if higher else value <= limit)

    if holds(aim):
        return "aim"
    return "reach" if holds(reach) else "MISSED"


def number(x, digits=None):
    if x is None:
        return "-"
    return f"{x:,.{digits if digits is not None else 0 if abs(x) >= 1000 else 1 if abs(x) >= 10 else 2}f}"


def grid(head, lines):
    """A Markdown table that reads well as plain text too."""
    cells = [head, *lines]
    width = [max(len(line[i]) for line in cells) for i in range(len(head))]
    out = []
    for n, line in enumerate(cells):
        out.append("| " + " | ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(line, width))) + " |")
        if n == 0:
            out.append("|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":") for i, w in enumerate(width)) + "|")
    return "\n".join(out)


def limit(x, higher):
    return "-" if x is None else f"{'>=' if higher else '<='} {x:g}"


def render(rows, gateways, subject, about, how):
    """Returns the report, its figures as data, and whether anything is wrong with the subject."""
    table = Table(rows)
    proxies = [g for g in gateways if g != "direct"]
    figures = {"medians": {}, "goals": []}
    medians = []
    for name, *_ in MEASURES:
        line = {g: table.median(name, g) for g in gateways}
        if any(v is not None for v in line.values()):
            figures["medians"][name] = {g: None if v is None else round(v, 3) for g, v in line.items()}
            medians.append([name, *(number(line[g]) for g in gateways)])
    goals = []
    for name, measure, against, reach, aim, higher in GOALS:
        line, judged = [], None
        for g in proxies:
            if against is None:
                value = table.median(measure, g)
                text = number(value)
            else:
                spread = None if g == against else table.ratio(measure, g, against)
                value = spread and spread[0]
                text = "-" if spread is None else f"{spread[0]:.2f}" + (
                    f" ({spread[1]:.2f} to {spread[2]:.2f})" if spread[1] != spread[2] else "")
            line.append(text)
            if g == subject:
                judged = value
        word = verdict(judged, reach, aim, higher) if subject in proxies else "-"
        figures["goals"].append({"figure": name, "reach": reach, "aim": aim, "value": judged, "verdict": word})
        goals.append([name, limit(reach, higher), limit(aim, higher), *line, word])
    failed = [r for r in rows if r.get("failed") or r.get("errors") or r.get("lost")]
    misses = [g for g in figures["goals"] if g["verdict"] == "MISSED"]
    bad = bool(misses) or any(r["gateway"] == subject for r in failed)

    load = "/".join(str(x) for x in about["load_average"])
    after = "/".join(str(x) for x in about.get("load_average_after", []))
    text = ["# Bench results", "",
            f"{about['date']}, commit {about['commit'] or 'unknown'}: {about['cpu']}, {about['cores']} cores, {about['memory']}, "
            f"{about['kernel']}, {about['rustc']}, {about['nginx'] or 'nginx not installed'}. "
            f"Load average {load} before and {after} after. {how['rounds']} rounds of {how['secs']:g} s windows, "
            f"{'gateway on one core and load with upstream on another' if about.get('pinned') else 'all on one core'}"
            f"{', above other work on the machine' if about.get('priority') else ''}. How to read this: docs/bench.md.", "",
            f"## Goals ({subject})", "",
            "Ratios are taken within a round; the figure is their median, with the lowest and the highest.", "",
            grid(["figure", "reach", "aim", *proxies, subject + " is at"], goals), "",
            "## Medians", "",
            grid(["figure", *gateways], medians), ""]
    if failed:
        text += ["## Failures", ""]
        text += [f"- round {r['round'] + 1}, {r['gateway']}, {r['case']}: {r.get('errors') or ''} "
                 f"{r.get('failed') or r.get('first_error') or str(r.get('lost')) + ' streams lost'}" for r in failed[:30]]
        text.append("")
    return "\n".join(text), figures, bad

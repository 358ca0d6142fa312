#!/usr/bin/env python3
"""Makes crates/tollgate/src/pricing/prices.tsv from a price file.

    python3 scripts/prices.py prices.json > crates/tollgate/src/pricing/prices.tsv

The price file is JSON with a list `models`; of each model this reads `id`, `provider`, `history` (for the day from which
its rates hold) and `prices`: rows of rates in decimal US dollars, one for each service tier, with `steps` by input
tokens and `utc_windows`. Only models of models.tsv are taken. Output is sorted, so that a new run shows as a small
difference. What a row or a service tier does not name is the gateway's matter (pricing/complete.rs), except:

- A step that names no rate for caches is given its row's, scaled as its input rate is; other rates that it does not
  name are its row's. (Every published step so far scales its cache rates with the input.) A rate that only the step
  names is left out: the one that stands in for it in the row would be dearer below the step than above it.
- Token rates of 0 beside a price by the piece are no prices: such a file says 0 where it does not know. The model is
  left out and so has no price, which is shown; a piece (a song, a picture) is no counter that its answers carry.
- A later day's rates (`from` after the file's date) name the standard tier. What they do not name, other tiers
  included, changes as the standard input or output does: vendors have always moved them together.
- Rates finer than nine decimals are noise of a division (0.01699999999998 a minute is 0.017) and are rounded.
"""

import json
import os
import sys
from decimal import Decimal

from catalogue import KINDS

TOKENS = {
    "input": "input", "cache_read": "cache_read", "cache_write": "cache_write_5m",
    "cache_write_1h": "cache_write_1h", "output": "output", "output_reasoning": "reasoning",
    "input_audio": "audio_input", "output_audio": "audio_output", "input_image": "image_input",
    "output_image": "image_output",
}
CACHES = ("cache_read", "cache_write_5m", "cache_write_1h")
ORDER = [*TOKENS.values(), "audio_minute", "image", "tool_call_thousand"]


def plain(value):
    """A decimal without exponent and trailing zeros, nine places at most."""
    text = format(Decimal(value).quantize(Decimal("0.000000001")), "f")
    return text.rstrip("0").rstrip(".")


def rates(row):
    found = {TOKENS[key]: plain(value) for key, value in (row.get("per_mtok") or {}).items() if key in TOKENS}
    if "per_minute_audio_input" in row:
        found["audio_minute"] = plain(row["per_minute_audio_input"])
    if "per_image_output" in row and "image_output" not in found:
        found["image"] = plain(row["per_image_output"])
    if "web_search" in (row.get("per_1000") or {}):
        found["tool_call_thousand"] = plain(row["per_1000"]["web_search"])
    for resolution, value in (row.get("per_second_video") or {}).items():
        found["video." + resolution] = plain(value)
    return found


def step(base, own):
    whole = dict(base)
    if "input" in own and Decimal(base.get("input", "0")):
        scale = Decimal(own["input"]) / Decimal(base["input"])
        whole.update({key: plain(Decimal(base[key]) * scale) for key in CACHES if key in base})
    whole.update({key: value for key, value in own.items() if key in base})
    return whole


def placeholder(row):
    tokens = row.get("per_mtok") or {}
    return "per_image_output" in row and tokens and not any(Decimal(value) for value in tokens.values())


def since(model, built):
    """The day from which the rates hold, `-` where only the file's own date is known."""
    days = [row["from"] for row in (model.get("history") or []) + model["prices"] if "from" in row]
    return max((day for day in days if day <= built), default="-")


def later(model, built):
    """(day, rows) for each day after `built` on which rates change: all tiers as they will then be."""
    now = next((rates(row) for row in model["prices"] if row["tier"] == "standard" and not row.get("utc_windows")), {})
    for row in model.get("history") or []:
        if row.get("from", "") <= built or row["tier"] != "standard":
            continue
        named = rates(row)
        scale = {side: Decimal(named[side]) / Decimal(now[side]) for side in ("input", "output")
                 if side in named and Decimal(now.get(side, "0"))}
        if not scale or all(value == 1 for value in scale.values()):
            continue  # in force already, by the other source
        yield row["from"], [(old, named if old["tier"] == "standard" else {}, scale) for old in model["prices"]]


def moved(found, named, scale):
    """Rates of a row on a later day."""
    new = {}
    for key, value in found.items():
        side = "output" if key in ("output", "reasoning", "audio_output", "image_output") else "input"
        tokens = key in TOKENS.values()
        new[key] = plain(Decimal(value) * scale.get(side, 1)) if tokens else value
    new.update({key: value for key, value in named.items() if key in new})
    if "reasoning" in new and found["reasoning"] == found.get("output"):
        new["reasoning"] = new["output"]
    return new


def windows(row):
    """`12345/0000-0100` (weekdays, 1 is Monday, and UTC times) joined by commas."""
    found = []
    for window in row.get("utc_windows") or []:
        hours = window["hours_utc"]
        days = "".join(str(day) for day in window.get("weekdays") or range(1, 8))
        for span in [hours] if isinstance(hours, str) else hours:
            found.append(days + "/" + span.replace(":", ""))
    return ",".join(found) or "-"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        data = json.load(file)
    table = os.path.join(os.path.dirname(__file__), "../crates/tollgate/src/catalogue/models.tsv")
    with open(table, encoding="utf-8") as file:
        served = {tuple(line.split("\t")[:2]) for line in file if not line.startswith("#")}
    lines = []
    for model in data["models"]:
        kind = KINDS.get(model["provider"])
        if (kind, model["id"]) not in served or any(map(placeholder, model["prices"])):
            continue
        whole = [(since(model, data["built"]), [(row, {}, {}) for row in model["prices"]])]
        for day, rows in whole + list(later(model, data["built"])):
            for row, named, scale in rows:
                base = rates(row)
                if not base:
                    continue
                steps = [(0, base)]
                steps += [(s["above_input_tokens"], step(base, rates(s))) for s in row.get("steps") or []]
                for above, found in steps:
                    found = moved(found, named if above == 0 else {}, scale)
                    shown = [f"{key}={found[key]}" for key in ORDER if key in found]
                    shown += [f"{key}={found[key]}" for key in sorted(found) if key.startswith("video.")]
                    lines.append((kind, model["id"], day, row["tier"], windows(row), above, " ".join(shown)))
    print("# Made by scripts/prices.py. Facts from litellm (MIT, Berri AI) and genai-prices (MIT, Pydantic Services Inc.).")
    print("# kind, model, since when (- is the date below), service tier, UTC windows, above so many input tokens, rates:")
    print("# US dollars for a million tokens, a minute of audio, an image, a thousand tool calls, a second of video by")
    print("# resolution.")
    print("date\t" + data["built"])
    for line in sorted(set(lines), key=lambda l: (l[0], l[1], l[2] if l[2] > data["built"] else "", l[3], l[4] != "-", l[4], l[5])):
        print("\t".join(map(str, line)))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes crates/tollgate/src/catalogue/models.tsv from a price file.

    python3 scripts/catalogue.py prices.json > crates/tollgate/src/catalogue/models.tsv

The price file is JSON with a list `models`; of each model this reads `id`, `provider`, `mode`, `endpoints`,
`max_input_tokens`, `max_output_tokens`, `context_window`, `deprecation_date` and `capabilities`. Vendors' own pages
fill what such files do not list (EXTRA). Output is sorted, so that a new run shows as a small difference.
"""

import json
import re
import sys

KINDS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "deepseek": "deepseek",
    "gemini": "gemini",
    "vertex": "vertex",
    "volcengine": "ark",
}
MODES = {
    "chat": "chat",
    "responses": "responses",
    "embedding": "embedding",
    "audio_transcription": "transcription",
    "audio_speech": "speech",
    "image_generation": "image",
    "video_generation": "video",
    "realtime": "realtime",
    "moderation": "moderation",
    "completion": "completion",
}
NAME = re.compile(r"[A-Za-z0-9._:/@+-]{1,200}")

# Video models that price files do not list, from the vendors' API pages (2026-11). Kling lists two more for
# image-to-video only (v1-5, v2-1); BytePlus sells Seedance without the prefix.
EXTRA = [
    ("ark", "doubao-seedance-1-5-pro-251215", "video"),
    ("ark", "doubao-seedance-1-0-pro-250528", "video"),
    ("ark", "doubao-seedance-1-0-pro-fast-251015", "video"),
    ("ark", "seedance-1-5-pro-251215", "video"),
    ("ark", "dreamina-seedance-2-0-260128", "video"),
    ("kling", "kling-v1", "video"),
    ("kling", "kling-v1-5", "video"),
    ("kling", "kling-v1-6", "video"),
    ("kling", "kling-v2-master", "video"),
    ("kling", "kling-v2-1", "video"),
    ("kling", "kling-v2-1-master", "video"),
    ("kling", "kling-v2-5-turbo", "video"),
    ("kling", "kling-v2-6", "video"),
    ("kling", "kling-v3", "video"),
]


def modes(kind, model):
    """Comma-separated, the usual one first; None for a model that stands for no single name."""
    name, mode, endpoints = model["id"], model.get("mode"), model.get("endpoints") or []
    if not NAME.fullmatch(name) or ".." in name or name.startswith("ft:") or name.endswith("-"):
        return None
    if mode is None:  # such entries have a price and no description
        if kind == "openai" and re.match(r"(ada|babbage|curie|davinci|text-davinci)", name):
            return "completion"
        for word, meant in (("embedding", "embedding"), ("tts", "speech"), ("realtime", "realtime"),
                            ("image", "image")):
            if word in name:
                return meant
        return "chat"
    if mode in ("chat", "responses") and kind == "openai":
        found = [m for m, e in (("chat", "/v1/chat/completions"), ("responses", "/v1/responses")) if e in endpoints]
        if not found and mode == "chat" and not re.search(r"audio-preview|search", name):
            found = ["chat", "responses"]  # OpenAI's model pages: all but these take both
        return ",".join(found) or MODES[mode]
    if name.startswith("imagen"):
        return "predict"  # not generateContent
    if mode == "audio_transcription" and endpoints and "/v1/audio/transcriptions" not in endpoints:
        return "realtime"
    if "live" in name.split("-") and kind in ("gemini", "vertex"):
        return "realtime"
    return MODES[mode]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        data = json.load(file)
    lines = {(kind, name): [modes_, "-", "-", "-", "-", "-"] for kind, name, modes_ in EXTRA}
    for model in data["models"]:
        kind = KINDS.get(model["provider"])
        found = kind and modes(kind, model)
        # Of Ark only its video tasks are served.
        if not found or (kind == "ark" and found != "video"):
            continue
        limits = [model.get(key) or "-" for key in ("context_window", "max_input_tokens", "max_output_tokens")]
        reasons = "reasoning" if "reasoning" in (model.get("capabilities") or []) else "-"
        lines[kind, model["id"]] = [found, *limits, model.get("deprecation_date") or "-", reasons]
    print("# Made by scripts/catalogue.py. Facts from litellm (MIT, Berri AI), genai-prices (MIT, Pydantic Services")
    print("# Inc.) and the vendors' pages. kind, model, modes, context window, input cap, output cap, retirement,")
    print("# whether it reasons; windows and caps in tokens, - where unknown.")
    for (kind, name), rest in sorted(lines.items()):
        print("\t".join(map(str, (kind, name, *rest))))


if __name__ == "__main__":
    main()

// The playground's videos: asked for, watched while they are made, played.
import { h, fill } from "../lib/dom.js";
import { get } from "../lib/api.js";
import { icon } from "../lib/icons.js";
import { badge, card, empty, field, input, note, say } from "../lib/parts.js";
import * as format from "../lib/format.js";
import { play, playJson } from "../lib/playkey.js";
import { preview } from "../lib/tasks.js";

const IMAGE_LIMIT = 5 << 20;
const ASK_EVERY_MS = 1_000;
/** After this a page stops asking; the task goes on and is in its list. */
const PATIENCE_MS = 3_600_000;

export async function films(context, mode, head) {
  const { page, query, signal, shared } = context;
  const known = new Set(shared.settings.video_models);
  let models = [];
  try {
    models = (await playJson(mode, "/v1/models", { signal })).data.map((model) => model.id).filter((id) => known.has(id));
  } catch (error) {
    if (error.name === "AbortError") throw error;
    say(error.message, "bad");
  }
  const shown = h("div.films");
  const nothing = card(null, { bare: true }, empty("film", "No videos yet", mode === "test"
    ? "The sandbox makes a short clip of coloured bars, through the whole life of a task."
    : "What you ask for here is made by your provider and costs what it costs."));
  fill(shown, nothing);
  const made = (title, prompt, send) => {
    nothing.remove();
    shown.prepend(film(title, prompt, send, { mode, signal }));
  };
  fill(page, head, composer(query.get("model") ?? models[0] ?? "", models, mode, made), shown);
}

/** What is asked for. */
function composer(model, models, mode, made) {
  const name = input({ value: model, list: "video-models" });
  const prompt = h("textarea.input", { rows: 3, placeholder: "A paper boat on a quiet lake at dawn" });
  const seconds = input({ inputmode: "numeric", placeholder: "the model's own" });
  const size = input({ placeholder: "1280x720" });
  const sim = input({ class: "mono", placeholder: "video-seconds=5", spellcheck: "false" });
  const file = h("input.hidden-label", { type: "file", accept: "image/jpeg,image/png,image/webp", tabindex: -1, "aria-hidden": "true" });
  const strip = h("span");
  let image = null;
  const dress = () => fill(strip, image && h("button.button.small", { type: "button", "aria-label": "Take the image away", onclick: () => { image = null; dress(); } }, icon("close", 12), "First frame"));
  file.addEventListener("change", async () => {
    const [one] = file.files;
    if (one?.size > IMAGE_LIMIT) say("Images may have 5 MiB here.", "bad");
    else if (one) image = await dataUrl(one);
    file.value = "";
    dress();
  });
  const submit = (event) => {
    event?.preventDefault();
    const text = prompt.value.trim();
    if (!text) return prompt.focus();
    const body = {
      model: name.value.trim(), prompt: text, ...(seconds.value.trim() ? { seconds: seconds.value.trim() } : {}),
      ...(size.value.trim() ? { size: size.value.trim() } : {}), ...(image ? { input_reference: { image_url: image } } : {}),
    };
    const headers = mode === "test" && sim.value.trim() ? { "x-tollgate-sim": sim.value.trim() } : {};
    made(body.model, text, (signal) => play(mode, "/v1/videos", { body, headers, signal }));
    image = null;
    dress();
  };
  prompt.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event); });
  const form = h(
    "form.ask",
    { onsubmit: submit },
    h("datalist", { id: "video-models" }, models.map((one) => h("option", { value: one }))),
    field("Prompt", prompt),
    h("div.triple", field("Model", name), field("Seconds", seconds), field("Size", size)),
    mode === "test" && field("Steer the sandbox", sim, { hint: "The x-tollgate-sim header, such as video-seconds=10 or video=failed." }),
    h("div.row",
      h("button.button.quiet", { type: "button", onclick: () => file.click() }, icon("image", 14), "First frame"), file, strip,
      h("span.grow"), h("span.hint.hide-s", h("kbd", "Ctrl"), " ", h("kbd", "Enter")),
      h("button.button.primary", { type: "submit" }, icon("play", 13), "Make it")),
  );
  return card(null, { bare: true }, form);
}

const dataUrl = (file) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.onerror = () => reject(reader.error);
  reader.readAsDataURL(file);
});

/** One video on its way. */
function film(title, prompt, send, { mode, signal }) {
  const state = h("span", { role: "status" });
  const bar = h("progress", { max: 100, "aria-label": "Progress" });
  const body = h("div.stack");
  const figures = h("div.figures.hint");
  const node = h("section.card", { "aria-label": "Video" },
    h("header", h("h2.mono", title), state),
    h("div.inside", h("div.stack", h("p.said", prompt), bar, body, figures)));
  const began = performance.now();
  const tell = (word, tone) => fill(state, badge(word, tone));
  const over = (word, tone) => { tell(word, tone); bar.remove(); };

  async function run() {
    tell("asking");
    const reply = await send(signal);
    const first = await reply.json().catch(() => null);
    if (!reply.ok) throw new Error(first?.error?.message ?? `Status ${reply.status}`);
    const lost = reply.headers.get("x-tollgate-translation");
    const link = h("a", { href: `/console/tasks/${first.id}` }, "task");
    let video = first;
    while (!["completed", "failed"].includes(video.status)) {
      tell(format.words(video.status), "accent");
      if (video.progress > 0) bar.value = video.progress;
      fill(figures, `${video.progress} %, ${format.ms(performance.now() - began)}, `, link);
      if (performance.now() - began > PATIENCE_MS) return over("still under way", "warn");
      await pause(ASK_EVERY_MS, signal);
      video = await playJson(mode, `/v1/videos/${first.id}`, { signal });
    }
    const task = await get(`/tasks/${first.id}`, {}, { signal });
    over(video.status, video.status === "completed" ? "good" : "bad");
    if (video.error) body.append(note(video.error.message ?? video.error.code, "bad"));
    fill(body, [...body.childNodes], preview(task));
    fill(figures, [
      `${format.ms(performance.now() - began)}`, `${task.seconds} s`, task.size, `${task.provider}/${task.upstream_model}`,
      lost && `translation: ${lost}`, task.cost_usd !== null && format.money(task.cost_usd),
    ].filter(Boolean).join(", "), ", ", link);
  }
  run().catch((error) => {
    if (error.name === "AbortError") return;
    over("refused", "bad");
    body.append(note(error.message, "bad"));
  });
  return node;
}

const pause = (ms, signal) => new Promise((resolve, reject) => {
  const left = () => { clearTimeout(timer); reject(new DOMException("left", "AbortError")); };
  const timer = setTimeout(() => { signal.removeEventListener("abort", left); resolve(); }, ms);
  signal.addEventListener("abort", left, { once: true });
});

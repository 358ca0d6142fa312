// A place to try models: the same message to one or more of them, in any protocol that is live, with what it took.
import { h, fill } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { card, field, input, note, say, segments, select, top } from "../lib/parts.js";
import * as format from "../lib/format.js";
import { LIVE_BUDGET, play, playJson } from "../lib/playkey.js";
import { PROTOCOLS, silence } from "../lib/protocols.js";
import { events } from "../lib/sse.js";
import { films } from "./films.js";

const IMAGE_LIMIT = 5 << 20;
const TOOL = [{
  name: "get_weather", description: "The weather of a city.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
}];

export async function playground(context) {
  const { page, query, signal, change, shared } = context;
  const mode = query.get("keys") ?? "test";
  const actions = [
    segments("What", [["chat", "Chat"], ["video", "Video"]], query.get("make") ?? "chat", (value) => change({ make: value === "chat" ? null : value })),
    segments("Keys", [["test", "Sandbox"], ["live", "Live"]], mode, (value) => change({ keys: value === "test" ? null : value })),
  ];
  const under = mode === "live" ? `Goes to your providers, with a key of its own that may spend $${LIVE_BUDGET}.` : "Answered by the sandbox: nothing leaves this machine.";
  if (query.get("make") === "video") return films(context, mode, top("Playground", { under, actions }));
  const live = Object.entries(PROTOCOLS).filter(([, protocol]) => shared.settings.routes.includes(protocol.route));
  const options = h("datalist", { id: "models" });
  const lanes = [];
  const row = h("div.lanes");
  const asking = composer(mode, (turn, settings) => Promise.all(lanes.map((lane) => lane.say(turn, settings))), () => lanes.forEach((lane) => lane.stop()));
  const lay = () => fill(row, lanes.map((lane) => lane.node));
  const addLane = (model, protocol) => {
    lanes.push(makeLane({ mode, live, model, protocol, settings: asking.settings, only: () => lanes.length === 1, gone: (lane) => { lanes.splice(lanes.indexOf(lane), 1); lay(); } }));
    lay();
  };
  addLane(query.get("model") ?? "gpt-5-mini", query.get("protocol") ?? "chat");
  fill(
    page,
    top("Playground", {
      under,
      actions: [
        ...actions,
        h("button.button", { type: "button", onclick: () => (lanes.length < 3 ? addLane("claude-sonnet-4-6", "chat") : say("Three are enough.")) }, icon("plus", 14), "Compare"),
      ],
    }),
    options,
    row,
    asking.node,
  );
  signal.addEventListener("abort", () => lanes.forEach((lane) => lane.stop()));
  try {
    const answer = await playJson(mode, "/v1/models", { signal });
    fill(options, answer.data.map((model) => h("option", { value: model.id })));
  } catch (error) {
    if (error.name !== "AbortError") say(error.message, "bad");
  }
}
playground.title = "Playground";

/** What is asked, and how. */
function composer(mode, send, stop) {
  const text = h("textarea.input", { rows: 3, placeholder: "Say something", "aria-label": "Message" });
  const system = h("textarea.input", { rows: 2, placeholder: "You are…" });
  const maxTokens = input({ inputmode: "numeric", placeholder: "the model's own" });
  const temperature = input({ inputmode: "decimal", placeholder: "the model's own" });
  const tools = h("textarea.input.mono", { rows: 4, spellcheck: "false", placeholder: JSON.stringify(TOOL) });
  const sim = input({ class: "mono", placeholder: "chunk-ms=20;output-tokens=60", spellcheck: "false" });
  const images = [];
  const strip = h("div.row");
  const file = h("input.hidden-label", { type: "file", accept: "image/*", multiple: true, tabindex: -1, "aria-hidden": "true" });
  const go = h("button.button.primary", { type: "submit" }, icon("play", 13), "Send");
  const halt = h("button.button", { type: "button", hidden: true, onclick: stop }, icon("stop", 13), "Stop");
  const toolBox = field("Tools", tools, { hint: "A JSON list of name, description, parameters." });
  const drawImages = () => fill(strip, images.map((url, at) =>
    h("button.button.small", { type: "button", "aria-label": "Take the image away", onclick: () => { images.splice(at, 1); drawImages(); } }, icon("close", 12), "Image")));
  file.addEventListener("change", async () => {
    for (const one of file.files) {
      if (one.size > IMAGE_LIMIT) say("Images may have 5 MiB here.", "bad");
      else images.push(await dataUrl(one));
    }
    file.value = "";
    drawImages();
  });
  const settings = () => {
    toolBox.complain();
    let list = null;
    try {
      list = tools.value.trim() ? JSON.parse(tools.value) : null;
      if (list && !Array.isArray(list)) throw new Error("a list is needed");
    } catch (error) {
      toolBox.closest("details")?.setAttribute("open", "");
      toolBox.complain(`This is not a JSON list: ${error.message}`);
      return null;
    }
    return {
      system: system.value.trim(), maxTokens: Number(maxTokens.value) || null, tools: list,
      temperature: temperature.value.trim() === "" ? null : Number(temperature.value), sim: sim.value.trim(),
    };
  };
  const form = h(
    "form.ask",
    h("div.row", h("div.grow", text)),
    strip,
    h(
      "div.row",
      h("button.button.quiet", { type: "button", onclick: () => file.click() }, icon("image", 14), "Image"),
      file,
      h("span.grow"),
      h("span.hint.hide-s", h("kbd", "Ctrl"), " ", h("kbd", "Enter")),
      halt,
      go,
    ),
    h(
      "details.more",
      h("summary", "System text, limits, tools", mode === "test" && ", steering"),
      h("div.stack",
        h("div.pair", field("System text", system), toolBox),
        h("div.triple", field("Output tokens at most", maxTokens), field("Temperature", temperature),
          mode === "test" ? field("Steer the sandbox", sim, { hint: "The x-tollgate-sim header." }) : h("span"))),
    ),
  );
  const submit = async (event) => {
    event?.preventDefault();
    const how = settings();
    if (!how || go.disabled || !(text.value.trim() || images.length)) return;
    const turn = { role: "user", text: text.value, images: [...images] };
    text.value = "";
    images.length = 0;
    drawImages();
    go.disabled = true;
    halt.hidden = false;
    await send(turn, how);
    go.disabled = false;
    halt.hidden = true;
    text.focus();
  };
  form.addEventListener("submit", submit);
  text.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event); });
  return { node: card(null, { bare: true }, form), settings };
}

const dataUrl = (file) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.onerror = () => reject(reader.error);
  reader.readAsDataURL(file);
});

/** One model and the talk with it. */
function makeLane({ mode, live, model, protocol, settings, only, gone }) {
  let turns = [];
  let running = null;
  const name = input({ value: model, list: "models", "aria-label": "Model" });
  const kind = select(live.map(([key, one]) => [key, one.name]), protocol, { "aria-label": "Protocol" });
  const talk = h("div.talk", { role: "log", "aria-live": "polite", tabindex: 0, "aria-label": "Conversation" }, h("p.hint", "The answer appears here."));
  const close = h("button.button.quiet.icon", { type: "button", "aria-label": "Close", title: "Close" }, icon("close", 14));
  const clear = h("button.button.quiet.icon", { type: "button", "aria-label": "Begin anew", title: "Begin anew", onclick: () => { turns = []; fill(talk, h("p.hint", "The answer appears here.")); } }, icon("again", 14));
  const node = h("section.card.lane", { "aria-label": "Model" },
    h("div.setup", field("Model", name), field("Protocol", kind), h("div.row", clear, close)), talk);
  const lane = { node, say: start, stop: () => running?.abort() };
  close.addEventListener("click", () => {
    if (only()) return say("One has to stay.");
    running?.abort();
    gone(lane);
  });

  async function start(turn, how) {
    if (turns.length === 0) fill(talk);
    turns.push(turn);
    talk.append(h("div.turn.user", h("span.role", "You"), h("div.said", turn.text), turn.images.map((url) => h("img", { src: url, alt: "Attached image" }))));
    await answer(how);
  }

  async function answer(how) {
    const speaking = PROTOCOLS[kind.value];
    const said = h("div.said");
    const thought = h("div.thought", { hidden: true });
    const figures = h("div.figures");
    const more = h("div.stack");
    talk.append(h("div.turn", h("span.role", name.value), thought, said, more, figures));
    talk.scrollTop = talk.scrollHeight;
    running = new AbortController();
    const heard = silence();
    const began = performance.now();
    let first = null;
    let reply = null;
    try {
      const { path, body } = speaking.request(name.value.trim(), turns, how);
      const headers = mode === "test" && how.sim ? { "x-tollgate-sim": how.sim } : {};
      reply = await play(mode, path, { body, headers, signal: running.signal });
      if (!reply.ok) {
        const json = await reply.json().catch(() => null);
        throw new Error(json?.error?.message ?? json?.message ?? `Status ${reply.status}`);
      }
      for await (const data of events(reply.body)) {
        if (data === "[DONE]") continue;
        speaking.read(JSON.parse(data), heard);
        if (first === null && (heard.text || heard.thought || heard.calls.length)) first = performance.now() - began;
        fill(said, heard.text);
        thought.hidden = !heard.thought;
        fill(thought, heard.thought);
        const low = talk.scrollHeight - talk.scrollTop - talk.clientHeight < 80;
        if (low) talk.scrollTop = talk.scrollHeight;
      }
      if (heard.error) throw new Error(heard.error.message ?? heard.error.code ?? "The stream ended with an error.");
    } catch (error) {
      more.append(error.name === "AbortError" ? note("Stopped.", "warn") : note(error.message, "bad"));
    }
    running = null;
    const total = performance.now() - began;
    const calls = heard.calls.filter(Boolean);
    turns.push({ role: "assistant", text: heard.text, calls });
    const tell = (cost) => fill(figures,
      first !== null && h("span", `first token ${format.ms(first)}`), h("span", `total ${format.ms(total)}`),
      heard.usage && h("span", `${format.count(heard.usage.in)} → ${format.count(heard.usage.out)} tokens`),
      heard.ended && h("span", `ended: ${heard.ended}`),
      reply?.headers.get("x-tollgate-provider") && h("span", `${reply.headers.get("x-tollgate-provider")}/${reply.headers.get("x-tollgate-model")}`),
      reply?.headers.get("x-tollgate-translation") && h("span", `translation: ${reply.headers.get("x-tollgate-translation")}`),
      cost);
    tell(null);
    if (calls.length) more.append(toolCalls(calls, how));
    talk.scrollTop = talk.scrollHeight;
    const id = reply?.headers.get("x-request-id") ?? reply?.headers.get("request-id");
    if (id && reply.ok) {
      const receipt = await playJson(mode, `/v1/receipts/${id}`).catch(() => null);
      if (receipt) tell(h("a", { href: `/console/requests/${id}`, title: `$${receipt.amount_usd}` }, format.money(receipt.amount_usd)));
    }
  }

  /** What the model wants called, with room for what came of it. */
  function toolCalls(calls, how) {
    const results = calls.map(() => h("textarea.input.mono", { rows: 2, value: "{}", spellcheck: "false" }));
    const button = h("button.button.small", { type: "submit" }, "Give results");
    const form = h("form.stack", calls.map((call, at) => h("div.stack",
      h("div.code", h("pre", h("code", `${call.name}(${call.arguments})`))), field("Its result", results[at]))), button);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      turns.push({ role: "tool", results: calls.map((call, at) => ({ call, text: results[at].value })) });
      await answer({ ...(settings() ?? how), sim: "" });
    });
    return form;
  }
  return lane;
}

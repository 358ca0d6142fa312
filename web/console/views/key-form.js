// Making and changing keys and projects.
import { h } from "../lib/dom.js";
import { patch, post } from "../lib/api.js";
import { form } from "../lib/form.js";
import { codeTabs, copy, dialog, field, input, note, select } from "../lib/parts.js";
import { bodyFor, samples } from "../lib/samples.js";

const WINDOWS = [["total", "in all"], ["day", "a day"], ["week", "a week"], ["month", "a month"]];
const MODES = [["strict", "strict: never passed"], ["soft", "soft: open requests finish"], ["meter", "meter: only shown"]];

/** Budget and limits, as keys and projects share them. `read()` gives what the API takes. */
function money(of) {
  const amount = input({ inputmode: "decimal", placeholder: "no budget", value: of?.budget?.limit_usd?.replace(/\.?0+$/, "") ?? "" });
  const window = select(WINDOWS, of?.budget?.window ?? "month");
  const mode = select(MODES, of?.budget?.mode ?? "strict");
  const number = (name) => input({ inputmode: "numeric", placeholder: "no limit", value: of?.limits?.[name] ?? "" });
  const [requests, tokens, open] = ["requests_per_minute", "tokens_per_minute", "concurrency"].map(number);
  const fields = {
    "budget.limit_usd": field("Budget in US dollars", amount),
    "budget.window": field("Window", window),
    "budget.mode": field("How strict", mode),
    "limits.requests_per_minute": field("Requests a minute", requests),
    "limits.tokens_per_minute": field("Tokens a minute", tokens),
    "limits.concurrency": field("Open at a time", open),
  };
  const [a, b, c, d, e, f] = Object.values(fields);
  const whole = (control) => (control.value.trim() === "" ? null : /^\d+$/.test(control.value.trim()) ? Number(control.value) : control.value);
  return {
    fields,
    boxes: [h("div.triple", a, b, c), h("div.triple", d, e, f)],
    read: () => ({
      budget: amount.value.trim() ? { limit_usd: amount.value.trim().replace(/^\$/, ""), window: window.value, mode: mode.value } : null,
      limits: { requests_per_minute: whole(requests), tokens_per_minute: whole(tokens), concurrency: whole(open) },
    }),
  };
}

const lines = (text) => text.split(/[\n,]/).map((line) => line.trim()).filter(Boolean);

function pairs(text) {
  return Object.fromEntries(lines(text).map((line) => {
    const at = line.indexOf("=");
    return at < 0 ? [line, ""] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  }));
}

/** What a key may, besides money. */
function rights(of) {
  const area = (placeholder, value) => h("textarea.input.mono", { placeholder, value, spellcheck: "false", rows: 2 });
  const models = area("gpt-*\nclaude-sonnet-*", of?.allowed_models?.join("\n") ?? "");
  const ips = area("192.0.2.0/24", of?.allowed_ips?.join("\n") ?? "");
  const metadata = area("team=search", Object.entries(of?.metadata ?? {}).map(([name, value]) => `${name}=${value}`).join("\n"));
  const expires = input({ type: "datetime-local", value: of?.expires_at ? local(of.expires_at) : "" });
  const fields = {
    allowed_models: field("Allowed models", models, { hint: "Globs, one a line; empty means all." }),
    allowed_ips: field("Allowed addresses", ips, { hint: "Addresses or ranges, one a line; empty means all." }),
    expires_at: field("Expires", expires, { hint: "In this browser's time zone; empty means never." }),
    metadata: field("Metadata", metadata, { hint: "name=value, one a line, for your own use." }),
  };
  return {
    fields,
    boxes: [h("div.pair", fields.allowed_models, fields.allowed_ips), h("div.pair", fields.expires_at, fields.metadata)],
    read: () => {
      const now = pairs(metadata.value);
      const gone = Object.fromEntries(Object.keys(of?.metadata ?? {}).filter((name) => !(name in now)).map((name) => [name, null]));
      return {
        allowed_models: lines(models.value), allowed_ips: lines(ips.value), metadata: { ...now, ...gone },
        expires_at: expires.value ? new Date(expires.value).toISOString() : null,
      };
    },
  };
}

function local(text) {
  const date = new Date(text);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function createKey({ projects, shared, project, done }) {
  const name = input({ placeholder: "search service", maxlength: 200 });
  const radio = (value, title, text, checked) =>
    h("label", h("input", { type: "radio", name: "mode", value, checked }), h("strong", title), h("span", text));
  const modes = h(
    "fieldset.choices",
    h("legend.label", "Mode"),
    radio("test", "Test", "Answered by the sandbox: no provider, no cost.", true),
    radio("live", "Live", "Goes to your providers and costs money.", false),
  );
  const owner = select(projects.map((one) => [one.id, one.name]), project ?? "proj_default");
  const more = rights(null);
  const limits = money(null);
  const fields = { name: field("Name", name), project: field("Project", owner), ...more.fields, ...limits.fields };
  form("Create key", "Create key", {
    fields,
    inside: [
      h("div.pair", fields.name, fields.project),
      modes,
      h("details.more", h("summary", "Budget and limits"), h("div.stack", limits.boxes)),
      h("details.more", h("summary", "Models, addresses, expiry, metadata"), h("div.stack", more.boxes)),
    ],
    send: () => post("/keys", {
      name: name.value, mode: modes.querySelector("input:checked").value, project: owner.value, ...more.read(), ...limits.read(),
    }),
    done: (key) => showSecret(key, shared, () => done(key)),
  });
  name.focus();
}

/** The new key's secret, this once. */
function showSecret(key, shared, done) {
  const { api_base: base } = shared.settings;
  const model = key.allowed_models.find((glob) => !/[*?]/.test(glob)) ?? "gpt-5-mini";
  const { box } = dialog("Key created", (close) => ({
    inside: [
      note("This is the only time that the secret is shown. Keep it where your program reads it.", "warn"),
      h("div.secret", h("code", { "data-secret": true }, key.key), copy(key.key)),
      h("div.stack", h("h3", "Try it"), codeTabs(samples(base, "/v1/chat/completions", bodyFor("/v1/chat/completions", model), key.key))),
    ],
    foot: [h("button.button.primary", { type: "button", onclick: close }, "Done")],
  }));
  box.addEventListener("close", done);
}

export function editKey(key, done) {
  const name = input({ value: key.name, maxlength: 200 });
  const more = rights(key);
  const limits = money(key);
  const fields = { name: field("Name", name), ...more.fields, ...limits.fields };
  form("Edit key", "Save", {
    fields,
    inside: [fields.name, h("h3", "Budget and limits"), limits.boxes, h("h3", "Models, addresses, expiry, metadata"), more.boxes],
    send: () => patch(`/keys/${key.id}`, { name: name.value, ...more.read(), ...limits.read() }),
    done,
  });
}

/** Makes a project, or changes one. */
export function projectForm(project, done) {
  const name = input({ value: project?.name ?? "", maxlength: 200 });
  const limits = money(project);
  const fields = { name: field("Name", name), ...limits.fields };
  form(project ? "Edit project" : "Create project", project ? "Save" : "Create project", {
    fields,
    inside: [fields.name, h("h3", "Budget and limits over all its keys"), limits.boxes],
    send: () => {
      const body = { name: name.value, ...limits.read() };
      return project ? patch(`/projects/${project.id}`, body) : post("/projects", body);
    },
    done,
  });
  name.focus();
}

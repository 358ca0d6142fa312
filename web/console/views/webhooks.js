// Webhooks: who is told of video tasks, what they were told, and how that went.
import { h, fill } from "../lib/dom.js";
import { all, get, patch, post, remove } from "../lib/api.js";
import { form } from "../lib/form.js";
import { icon } from "../lib/icons.js";
import { badge, card, code, confirm, copy, dialog, empty, facts, field, input, note, say, select, table, top, when } from "../lib/parts.js";
import * as format from "../lib/format.js";
import { named } from "../lib/names.js";

const PAGE = 50;
const RENEW_SECONDS = 4;
const EVENTS = ["video.in_progress", "video.completed", "video.failed", "video.cancelled", "video.expired"];
const TONES = { delivered: "good", failed: "bad", waiting: "accent" };

export async function webhooks(context) {
  const { page, signal, go } = context;
  const [rows, projects] = await Promise.all([all("/webhooks", {}, { signal }), named("projects", { signal, anew: true })]);
  const create = () => createWebhook([...projects.values()], (hook) => go(`/console/webhooks/${hook.id}`));
  const columns = [
    { name: "Address", cell: (row) => h("a.mono.cut.wide", { href: `/console/webhooks/${row.id}`, title: row.url }, row.url) },
    { name: "State", cell: state },
    { name: "Events", class: "hide-m", cell: (row) => (row.events.length ? row.events.map((event) => event.replace("video.", "")).join(", ").replaceAll("_", " ") : h("span.muted", "all")) },
    { name: "Project", class: "hide-m", cell: (row) => (row.project ? (projects.get(row.project)?.name ?? row.project) : h("span.muted", "all")) },
    { name: "Created", class: "fix hide-s", cell: (row) => when(row.created_at) },
  ];
  fill(
    page,
    top("Webhooks", {
      under: "Addresses that are told when a video task begins and ends; signed, at least once, in a task's order.",
      actions: [h("button.button.primary", { type: "button", onclick: create }, icon("plus", 14), "Create webhook")],
    }),
    card(null, { bare: true }, rows.length
      ? table(columns, rows, { href: (row) => `/console/webhooks/${row.id}`, label: "Webhooks" })
      : empty("bell", "No webhooks yet", "Instead of asking how a video is, a program can be told.",
          h("button.button.primary", { type: "button", onclick: create }, "Create webhook"))),
  );
}
webhooks.title = "Webhooks";

const state = (row) => (row.disabled_at ? badge("off", "warn") : badge("on", "good"));

function createWebhook(projects, done) {
  const url = input({ type: "url", placeholder: "https://example.com/tollgate", maxlength: 2000 });
  const owner = select([["", "Every project"], ...projects.map((one) => [one.id, one.name])], "");
  const events = h(
    "fieldset.plain",
    h("legend.label", "Events"),
    EVENTS.map((name) => h("label.check", h("input", { type: "checkbox", value: name }), h("code", name))),
    h("div.hint", "None chosen means all."),
  );
  const fields = {
    url: field("Address", url, { hint: "Public and https. Networks of your own are opened in the configuration." }),
    project: field("Project", owner),
  };
  form("Create webhook", "Create webhook", {
    fields,
    inside: [fields.url, fields.project, events],
    send: () => post("/webhooks", {
      url: url.value.trim(), events: [...events.querySelectorAll("input:checked")].map((box) => box.value),
      ...(owner.value ? { project: owner.value } : {}),
    }),
    done: (hook) => showSecret("Webhook created", hook, () => done(hook)),
  });
  url.focus();
}

/** A webhook's secret, this once. */
function showSecret(title, hook, done) {
  const { box } = dialog(title, (close) => ({
    inside: [
      note("This is the only time that the secret is shown. Keep it where your program checks signatures.", "warn"),
      h("div.secret", h("code", { "data-secret": true }, hook.secret), copy(hook.secret)),
      h("p.hint", "What is told is signed by it, in the form of Standard Webhooks. ", h("a", { href: "/docs/videos#webhooks" }, "How to check a signature")),
    ],
    foot: [h("button.button.primary", { type: "button", onclick: close }, "Done")],
  }));
  box.addEventListener("close", done);
}

export async function webhook(context) {
  const { page, params, signal, again, go, every } = context;
  const row = await get(`/webhooks/${params.id}`, {}, { signal });
  const projects = await named("projects", { ids: [row.project], signal });
  let messages = [];
  let next = null;
  const list = h("div");
  const more = h("div.row");
  const tried = async (action, word) => {
    try {
      await action();
      if (word) say(word);
    } catch (error) {
      if (error.name !== "AbortError") say(error.message, "bad");
    }
  };
  const replay = (message) => tried(async () => {
    await post(`/webhooks/${row.id}/messages/${message.id}/replay`);
    await renew();
  }, "It is told again.");
  const draw = () => {
    fill(list, card("What it was told", { bare: true }, messages.length
      ? messageTable(messages, { replay })
      : empty("bell", "Nothing yet", "It hears of the next video task.", h("a.button", { href: "/console/playground?make=video" }, "Make a video in the sandbox"))));
    fill(more, next && h("button.button", { type: "button", onclick: () => tried(older) }, "Load older"));
  };
  const older = async () => {
    const answer = await get(`/webhooks/${row.id}/messages`, { limit: PAGE, after: next }, { signal });
    messages = messages.concat(answer.data);
    next = answer.next;
    draw();
  };
  const renew = async () => {
    const answer = await get(`/webhooks/${row.id}/messages`, { limit: PAGE }, { signal, background: true });
    if (JSON.stringify(answer.data) === JSON.stringify(messages.slice(0, PAGE))) return;
    const fresh = new Set(answer.data.map((message) => message.id));
    if (messages.length <= PAGE) next = answer.next;
    messages = answer.data.concat(messages.length <= PAGE ? [] : messages.filter((message) => !fresh.has(message.id)));
    draw();
  };
  const off = row.disabled_at !== null;
  const turn = () => tried(async () => { await patch(`/webhooks/${row.id}`, { disabled: !off }); again(); }, off ? "It is told again from now on." : "It is off.");
  const rotate = () => confirm(
    "Give it a new secret?",
    "The one that it has counts for a day more: until then everything has two signatures, so that your program can change over.",
    "New secret",
    async () => {
      const made = await post(`/webhooks/${row.id}/rotate`);
      showSecret("New secret", made, () => {});
    },
  );
  const gone = () => confirm(
    "Delete this webhook?", "It is told nothing more, and what it was still to be told is dropped. This cannot be undone.", "Delete webhook",
    async () => { await remove(`/webhooks/${row.id}`); say("The webhook is deleted."); go("/console/webhooks"); },
  );
  await older();
  fill(
    page,
    top("Webhook", {
      crumb: { href: "/console/webhooks", text: "Webhooks" },
      actions: [
        state(row),
        h("button.button", { type: "button", onclick: turn }, off ? "Switch on" : "Switch off"),
        h("button.button", { type: "button", onclick: rotate }, "New secret"),
        h("button.button.danger", { type: "button", onclick: gone }, "Delete"),
      ],
    }),
    off && note(`It is off since ${format.time(row.disabled_at)}${row.reason ? `: ${row.reason}` : ""}. What happens meanwhile is not told later.`, "warn"),
    card("What it is", {}, facts([
      ["Address", h("span.mono", row.url)],
      ["Events", row.events.length ? row.events.map((event) => h("div.mono", event)) : h("span.muted", "all")],
      ["Project", row.project ? h("a", { href: `/console/projects/${row.project}` }, projects.get(row.project)?.name ?? row.project) : h("span.muted", "all")],
      ["Id", h("code", row.id)],
      ["Created", when(row.created_at)],
    ])),
    list,
    more,
  );
  every(RENEW_SECONDS, () => tried(renew));
}
webhook.title = "Webhook";

/** Messages: of one webhook, which can tell them again, or of one task, to whoever it was. */
export function messageTable(rows, { replay, to = false }) {
  const told = (row) => (row.webhook
    ? h("a.mono.cut", { href: `/console/webhooks/${row.webhook}`, title: row.url }, row.url)
    : [h("span.mono.cut", { title: row.url }, row.url), h("div.sub", "the caller's own address")]);
  const answer = (row) => {
    if (row.last_status) return `status ${row.last_status}`;
    return row.last_error ? h("span.cut", { title: row.last_error }, row.last_error) : h("span.muted", "–");
  };
  const columns = [
    { name: "Time", class: "fix", cell: (row) => when(row.created_at) },
    to && { name: "To", cell: told },
    { name: "Event", cell: (row) => h("span.mono", row.event) },
    { name: "State", cell: (row) => badge(row.status, TONES[row.status]) },
    { name: "Tries", class: "num hide-s", cell: (row) => row.attempts },
    { name: "Last answer", class: "hide-s", cell: answer },
    { name: "Next try", class: "fix hide-m", cell: (row) => (row.status === "waiting" && row.next_at ? format.ago(row.next_at) : h("span.muted", "–")) },
    {
      name: "", class: "num", cell: (row) => h("div.row.end",
        h("button.button.small", { type: "button", "aria-label": `Details of ${row.event}`, onclick: () => details(row) }, "Details"),
        replay && h("button.button.small", { type: "button", "aria-label": `Replay ${row.event}`, onclick: () => replay(row) }, "Replay")),
    },
  ].filter(Boolean);
  return table(columns, rows, { label: "Messages" });
}

function details(row) {
  dialog(row.event, (close) => ({
    inside: [
      facts([
        ["Id", h("code", row.id)],
        ["To", h("span.mono", row.url)],
        ["State", badge(row.status, TONES[row.status])],
        ["Tries", String(row.attempts)],
        row.last_status && ["Last status", String(row.last_status)],
        row.last_error && ["Last error", row.last_error],
        row.delivered_at && ["Delivered", when(row.delivered_at)],
        row.failed_at && ["Given up", when(row.failed_at)],
        row.next_at && row.status === "waiting" && ["Next try", when(row.next_at)],
      ]),
      h("h3", "Body"),
      code(JSON.stringify(row.payload, null, 2), "Body"),
    ],
    foot: [h("button.button", { type: "button", onclick: close }, "Close")],
  }));
}

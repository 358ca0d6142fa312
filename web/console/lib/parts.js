// What views are made of: cards, tables, fields, dialogs, messages.
import { h, fill, fresh } from "./dom.js";
import { icon } from "./icons.js";
import * as format from "./format.js";

/** The head of a page. */
export function top(title, { under, crumb, actions = [] } = {}) {
  return h(
    "div.top",
    h(
      "div.title",
      crumb && h("nav.crumb", { "aria-label": "Where this is" }, h("a", { href: crumb.href }, crumb.text), icon("right", 12)),
      h("h1", title),
      under && h("p", under),
    ),
    actions,
  );
}

export function card(title, { actions = [], foot, bare = false } = {}, ...children) {
  return h(
    "section.card",
    title && h("header", h("h2", title), actions),
    bare ? children : h("div.inside", children),
    foot && h("footer", foot),
  );
}

/** A state in a word. */
export const badge = (text, tone) => h("span.badge", { class: tone }, text);

export function note(text, tone, sign = "alert") {
  return h("div.note", { class: tone, role: tone === "bad" ? "alert" : null }, icon(sign), h("div", text));
}

export function empty(sign, title, text, action) {
  return h("div.empty", icon(sign, 26), h("strong", title), text && h("p", text), action);
}

export const wait = (text = "Loading…") => h("div.wait", { role: "status" }, text);

/** What went wrong, and the way out. */
export function failed(error, again) {
  return empty(
    "alert",
    "That did not work",
    error.message,
    again && h("button.button", { type: "button", onclick: again }, icon("again", 14), "Try again"),
  );
}

/** Dollars; their exact amount is shown on pointing. */
export const usd = (text) => h("span", { title: `$${text ?? "0"}` }, format.money(text));
/** A time; its exact form is shown on pointing. */
export const when = (text) => h("time", { datetime: text, title: text }, format.time(text));

/**
 * A table. Columns are `{ name, cell(row), class }`; a row with an address is a link as a whole, by its first cell's
 * link for keyboards.
 */
export function table(columns, rows, { href, label } = {}) {
  const head = h("tr", columns.map((column) => h("th", { scope: "col", class: column.class }, column.name)));
  const body = rows.map((row) => {
    const to = href?.(row);
    const cells = columns.map((column) => h("td", { class: column.class }, column.cell(row)));
    const line = h("tr", { class: to ? "link" : null }, cells);
    if (to) {
      line.addEventListener("click", (event) => {
        if (event.target.closest("a, button, input") || String(getSelection())) return;
        const link = line.querySelector("a");
        link?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, metaKey: event.metaKey, ctrlKey: event.ctrlKey }));
      });
    }
    return line;
  });
  return h("div.scroll", { tabindex: 0, role: "region", "aria-label": label ?? "Table" }, h("table.list", h("thead", head), h("tbody", body)));
}

/** Names and values. */
export const facts = (pairs) =>
  h("dl.facts", pairs.filter(Boolean).map(([name, value]) => [h("dt", name), h("dd", value)]));

/** A labelled input. `control` gets an id, its hint and its error are told to screen readers. */
export function field(label, control, { hint, wide } = {}) {
  const id = control.id || fresh("field");
  control.id = id;
  const help = h("div.hint", { id: `${id}-hint` }, hint);
  const wrong = h("div.wrong", { id: `${id}-wrong`, role: "alert" });
  control.setAttribute("aria-describedby", `${id}-hint ${id}-wrong`);
  const box = h("div.field", { class: wide ? "wide" : null }, h("label", { for: id }, label), control, hint && help, wrong);
  box.complain = (text) => {
    fill(wrong, text ?? "");
    control.setAttribute("aria-invalid", text ? "true" : "false");
    if (text) control.focus();
  };
  return box;
}

export const input = (attributes = {}) => h("input.input", { type: "text", autocomplete: "off", ...attributes });

/** A select of `[value, text]` pairs. */
export function select(pairs, value, attributes = {}) {
  const options = pairs.map(([key, text]) => h("option", { value: key, selected: key === value }, text));
  return h("select.input", attributes, options);
}

/** Buttons of which one is pressed. */
export function segments(label, pairs, value, choose) {
  return h(
    "div.segments",
    { role: "group", "aria-label": label },
    pairs.map(([key, text]) =>
      h("button", { type: "button", "aria-pressed": String(key === value), onclick: () => choose(key) }, text)),
  );
}

/** Opens a dialog; it is gone when closed. `build(close)` gives title, content and foot, or a form. */
export function dialog(title, build) {
  const titled = fresh("dialog");
  const box = h("dialog", { "aria-labelledby": titled });
  const close = () => box.close();
  const { inside, foot, submit } = build(close);
  const parts = [
    h(
      "header",
      h("h2", { id: titled }, title),
      h("button.button.quiet.icon.small", { type: "button", "aria-label": "Close", onclick: close }, icon("close", 14)),
    ),
    h("div.inside", inside),
    foot && h("footer", foot),
  ];
  const whole = submit
    ? h("form", { novalidate: true, onsubmit: (event) => { event.preventDefault(); submit(); } }, parts)
    : h("div.whole", parts);
  box.append(whole);
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
  return { box, close, body: whole.querySelector(".inside") };
}

/** Asks before something that cannot be undone. */
export function confirm(title, text, yes, action) {
  dialog(title, (close) => {
    const trouble = h("div");
    const go = h("button.button.danger", { type: "button" }, yes);
    go.addEventListener("click", async () => {
      go.disabled = true;
      try {
        await action();
        close();
      } catch (error) {
        fill(trouble, note(error.message, "bad"));
        go.disabled = false;
      }
    });
    return { inside: [h("p", text), trouble], foot: [h("button.button", { type: "button", onclick: close }, "Cancel"), go] };
  });
}

let toasts = null;
/** A short message that goes by itself. */
export function say(text, tone) {
  toasts ??= document.body.appendChild(h("div.toasts", { role: "status", "aria-live": "polite" }));
  const toast = h("div.toast", { class: tone }, text);
  toasts.append(toast);
  setTimeout(() => toast.remove(), 4000);
}

/** A button that puts text on the clipboard. */
export function copy(text, label = "Copy") {
  const button = h("button.button.small.copy", { type: "button" }, icon("copy", 13), label);
  button.addEventListener("click", async () => {
    const given = typeof text === "function" ? text() : text;
    if (await clip(given)) {
      fill(button, icon("check", 13), "Copied");
      setTimeout(() => fill(button, icon("copy", 13), label), 1500);
    } else {
      say("The browser does not let this page copy. Select the text and copy it yourself.", "bad");
    }
  });
  return button;
}

async function clip(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without TLS a page on another machine has no clipboard; the old way still works.
    const area = h("textarea.hidden-label", { value: text, "aria-hidden": "true", tabindex: -1 });
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** Text in a box, with a button to copy it. */
export const code = (text, label) =>
  h("div.code", h("pre", { tabindex: 0, "aria-label": label ?? "Code" }, h("code", text)), copy(text));

/** One of several texts, chosen by tabs. */
export function codeTabs(pairs) {
  const body = h("div");
  const tabs = pairs.map(([name, text], at) =>
    h("button", { type: "button", role: "tab", "aria-selected": "false", onclick: () => show(at) }, name));
  const show = (chosen) => {
    tabs.forEach((tab, at) => tab.setAttribute("aria-selected", String(at === chosen)));
    fill(body, code(pairs[chosen][1], pairs[chosen][0]));
  };
  show(0);
  return h("div.stack", h("div.tabs", { role: "tablist" }, tabs), body);
}

/** A share of a whole as a bar. */
export function meter(share, label) {
  const tone = share >= 1 ? "bad" : share >= 0.8 ? "warn" : null;
  const width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return h(
    "div.meter",
    {
      class: tone, role: "meter", "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": label,
      "aria-valuenow": Math.round(Math.max(0, Math.min(1, share)) * 100),
    },
    h("i", { style: { width } }),
  );
}

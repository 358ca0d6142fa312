// Signing in with the admin key.
import { h } from "../lib/dom.js";
import { ask } from "../lib/api.js";
import { field, input } from "../lib/parts.js";

export function signIn(done) {
  const key = input({ type: "password", autocomplete: "current-password", required: true, spellcheck: "false" });
  const box = field("Admin key", key, { hint: "The one that tollgate printed at its first start, or TOLLGATE_ADMIN_KEY." });
  const button = h("button.button.primary", { type: "submit" }, "Sign in");
  const form = h(
    "form",
    { novalidate: true, "aria-label": "Sign in" },
    h("div.brand", h("img", { src: document.querySelector("link[rel=icon]").href, alt: "" }), "tollgate"),
    // Password managers want a name beside the key.
    h("input.hidden-label", { type: "text", name: "username", autocomplete: "username", value: "admin", tabindex: -1, "aria-hidden": "true" }),
    box,
    button,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    box.complain();
    if (!key.value.trim()) return box.complain("Enter the admin key.");
    button.disabled = true;
    try {
      const session = await ask("POST", "/console/session", { body: { key: key.value } });
      await done(session);
    } catch (error) {
      button.disabled = false;
      box.complain(error.status === 401 ? "This is not an admin key of this gateway." : error.message);
    }
  });
  queueMicrotask(() => key.focus());
  return h("main.door", form);
}

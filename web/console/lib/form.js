// A form in a dialog that tells each error at its field.
import { h, fill } from "./dom.js";
import { dialog, note } from "./parts.js";

/** Shows an error at its field, or below all. */
function complain(error, fields, trouble) {
  const box = fields[error.field];
  if (box) {
    box.closest("details")?.setAttribute("open", "");
    box.complain(error.message);
  } else {
    fill(trouble, note(error.field ? `${error.field}: ${error.message}` : error.message, "bad"));
  }
}

/** A form in a dialog: `send()` saves and gives what came back. */
export function form(title, word, { inside, fields, send, done }) {
  const trouble = h("div");
  const button = h("button.button.primary", { type: "submit" }, word);
  return dialog(title, (close) => ({
    inside: [inside, trouble],
    foot: [h("button.button", { type: "button", onclick: close }, "Cancel"), button],
    submit: async () => {
      fill(trouble);
      for (const box of Object.values(fields)) box.complain();
      button.disabled = true;
      try {
        const made = await send();
        close();
        done(made);
      } catch (error) {
        complain(error, fields, trouble);
      } finally {
        button.disabled = false;
      }
    },
  }));
}

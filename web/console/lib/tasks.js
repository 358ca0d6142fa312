// Video tasks as all views show them: their state in a word, their files as something to look at.
import { h } from "./dom.js";
import { badge } from "./parts.js";
import * as format from "./format.js";

const TONES = { succeeded: "good", failed: "bad", expired: "bad", needs_attention: "bad", submit_unknown: "warn", running: "accent" };
const OVER = new Set(["succeeded", "failed", "cancelled", "expired"]);

export const STATES = [
  "reserved", "submitting", "submitted", "submit_unknown", "running", "succeeded", "failed", "cancelled", "expired", "needs_attention",
];

/** What a state means, where its name does not say it. */
export const MEANINGS = {
  reserved: "What it may cost is held; the provider has not been asked yet.",
  submitting: "The provider is being asked.",
  submitted: "The provider has it and has not begun.",
  submit_unknown: "Nobody knows whether the provider has it; it is being looked for and is not asked for twice.",
  needs_attention: "The provider cannot be asked about it any more. An operator has to look.",
};

export const stateBadge = (task) => badge(format.words(task.state), TONES[task.state]);

/** Whether nothing more will come. */
export const isOver = (task) => OVER.has(task.state);

/** A file's address here: signed, by way of the console's own. */
export const address = (file) => `/console/play${file.link}`;

/** The kept files of a task to be looked at; a list that is empty if there are none. */
export function preview(task) {
  const named = (file) => `${format.words(file.role)}${file.index ? ` ${file.index + 1}` : ""}`;
  return task.files.filter((file) => file.link).map((file) => {
    if (file.content_type.startsWith("video/")) {
      return h("video.film", { src: address(file), controls: true, loop: true, muted: true, playsinline: true, preload: "metadata", "aria-label": `The ${named(file)}` });
    }
    return h("img.film", { src: address(file), alt: `The ${named(file)}`, loading: "lazy" });
  });
}

/** From its beginning to its end, or to now, in milliseconds. */
export const took = (task) => new Date(task.finished_at ?? Date.now()).getTime() - new Date(task.created_at).getTime();

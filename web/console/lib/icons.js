// Our own pictograms: strokes in a square of 16.
import { s } from "./dom.js";

const PATHS = {
  overview: "M2.5 13.5h11M4.5 11V8M8 11V3.5M11.5 11V6",
  key: "M9.2 6.8 14 2M12 4l1.6 1.6M5.5 13.2a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z",
  folder: "M2 12.5v-9h4l1.5 2H14v7Z",
  list: "M5.5 4H14M5.5 8H14M5.5 12H14M2.2 4h.1M2.2 8h.1M2.2 12h.1",
  server: "M2.5 2.5h11v4.4h-11ZM2.5 9.1h11v4.4h-11ZM5 4.7h.1M5 11.3h.1",
  cube: "M8 1.8 13.6 5v6L8 14.2 2.4 11V5ZM2.4 5 8 8.2 13.6 5M8 8.2v6",
  tag: "M2.5 2.5h5.3l5.7 5.7-5.3 5.3-5.7-5.7ZM5.3 5.3h.1",
  chat: "M2.5 3h11v8h-6l-3 2.6V11h-2Z",
  book: "M3 2.5h8.5a1.5 1.5 0 0 1 1.5 1.5v9.5H4.5A1.5 1.5 0 0 1 3 12ZM3 12a1.5 1.5 0 0 1 1.5-1.5H13M6 5.3h4",
  shield: "M8 1.8 13.2 4v4c0 3-2.2 5-5.2 6.2C5 13 2.8 11 2.8 8V4Z",
  gear: "M8 10.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4ZM8 1.8v2M8 12.2v2M1.8 8h2M12.2 8h2M3.6 3.6 5 5M11 11l1.4 1.4M3.6 12.4 5 11M11 5l1.4-1.4",
  film: "M2 3.5h12v9H2ZM5 3.5v9M11 3.5v9M2 6.5h3M2 9.5h3M11 6.5h3M11 9.5h3",
  bell: "M4 11V7a4 4 0 1 1 8 0v4l1 1.5H3ZM6.5 14.2h3",
  sun: "M8 10.6a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2ZM8 1.6v1.6M8 12.8v1.6M1.6 8h1.6M12.8 8h1.6M3.5 3.5l1.1 1.1M11.4 11.4l1.1 1.1M3.5 12.5l1.1-1.1M11.4 4.6l1.1-1.1",
  moon: "M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8Z",
  out: "M6.5 2.5h-4v11h4M10 5l3 3-3 3M13 8H6",
  copy: "M5.5 5.5h8v8h-8ZM10.5 5.5v-3h-8v8h3",
  check: "m3 8.5 3.2 3.2L13 4.8",
  plus: "M8 3v10M3 8h10",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM10.4 10.4l3.4 3.4",
  right: "m6 3.5 4.5 4.5L6 12.5",
  left: "M10 3.5 5.5 8l4.5 4.5",
  link: "M6.5 3h-4v10.5H13V9.5M9.5 2.5h4v4M13.2 2.8 7.5 8.5",
  again: "M13.3 6.5A5.6 5.6 0 1 0 13.6 9M13.5 2.8v3.7H9.8",
  alert: "M8 2 14.5 13.5h-13ZM8 6.5v3.2M8 11.6h.1",
  menu: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  close: "m3.5 3.5 9 9M12.5 3.5l-9 9",
  play: "M4.5 2.8v10.4L13 8Z",
  stop: "M3.5 3.5h9v9h-9Z",
  image: "M2 3h12v10H2ZM2 11l3.5-3.5 3 3 2-2L14 12M10.4 6h.1",
  bolt: "M9 1.8 3.5 9H8l-1 5.2L12.5 7H8Z",
};

/** A pictogram; it says nothing to a screen reader, the words beside it do. */
export function icon(name, size = 16) {
  return s(
    "svg",
    {
      width: size, height: size, viewBox: "0 0 16 16", fill: "none", stroke: "currentColor", "stroke-width": 1.5,
      "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true",
    },
    s("path", { d: PATHS[name] ?? "" }),
  );
}

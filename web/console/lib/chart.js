// Bars and lines over time, as SVG. Each chart has its numbers in a table for those who cannot see it.
import { h, s, fill } from "./dom.js";

const HEIGHT = 190;
const LEFT = 52;
const BOTTOM = 22;

/** A round number at or above. */
function ceiling(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= value);
}

/**
 * `points`: `{ label, long, values: [..] }`; `names`: what the values are; `kind`: "bars" (stacked) or "lines".
 * `show(value)` writes a value, `axis(value)` a mark on the axis.
 */
export function chart(points, { names, kind = "bars", show = String, axis = show, height = HEIGHT, title }) {
  const box = h("div.chart");
  let width = 0;
  const draw = () => {
    if (!box.isConnected || box.clientWidth === width || !box.clientWidth) return;
    width = box.clientWidth;
    fill(box, picture(points, { names, kind, show, axis, height, title, width }, box), numbers(points, names, show, title));
  };
  const watch = new ResizeObserver(draw);
  watch.observe(box);
  return box;
}

function picture(points, { names, kind, show, axis, height, title, width }, box) {
  const inner = width - LEFT - 4;
  const tall = height - BOTTOM - 6;
  const sums = points.map((point) =>
    kind === "bars" ? point.values.reduce((sum, value) => sum + (value ?? 0), 0) : Math.max(0, ...point.values.map((value) => value ?? 0)));
  const highest = ceiling(Math.max(0, ...sums));
  const y = (value) => 6 + tall - (value / highest) * tall;
  const step = inner / Math.max(1, points.length);
  const x = (at) => LEFT + at * step;
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": title });
  for (const part of [0, 0.5, 1]) {
    const line = Math.round(y(highest * part)) + 0.5;
    svg.append(
      s("line.rule", { x1: LEFT, x2: width, y1: line, y2: line }),
      s("text", { x: LEFT - 8, y: line + 4, "text-anchor": "end" }, axis(highest * part)),
    );
  }
  const every = Math.ceil(points.length / Math.max(2, Math.floor(inner / 92)));
  points.forEach((point, at) => {
    if (at % every === 0 && x(at) + step / 2 < width - 26) {
      svg.append(s("text", { x: x(at) + step / 2, y: height - 5, "text-anchor": "middle" }, point.label));
    }
  });
  const marks = kind === "bars" ? bars(points, { x, y, step, tall }) : lines(points, names, { x, y, step, tall });
  svg.append(...marks);
  const tip = h("div.tip", { hidden: true });
  points.forEach((point, at) => {
    const hit = s("rect.hit", { x: x(at), y: 0, width: step, height });
    hit.addEventListener("pointerenter", () => {
      fill(tip, h("b", point.long ?? point.label), names.map((name, of) =>
        h("div", h("span", name), h("span", point.values[of] === null ? "–" : show(point.values[of] ?? 0)))));
      tip.hidden = false;
      const left = x(at) + step / 2;
      const wide = tip.offsetWidth;
      tip.style.setProperty("left", `${Math.max(0, Math.min(width - wide, left - wide / 2))}px`);
      tip.style.setProperty("top", `${Math.max(-8, y(sums[at]) - tip.offsetHeight - 8)}px`);
    });
    svg.append(hit);
  });
  svg.addEventListener("pointerleave", () => { tip.hidden = true; });
  box.onpointerleave = () => { tip.hidden = true; };
  return [svg, tip];
}

function bars(points, { x, y, step, tall }) {
  const wide = Math.max(1, Math.min(28, step * 0.72));
  return points.flatMap((point, at) => {
    let base = 0;
    return point.values.map((value, of) => {
      const size = value ?? 0;
      const top = y(base + size);
      // What is there at all is seen.
      const high = size > 0 ? Math.max(1.5, y(base) - top) : 0;
      base += size;
      return s(`rect.bar-${"ab"[of]}`, {
        x: x(at) + (step - wide) / 2, y: Math.min(top, 6 + tall - high), width: wide, height: high, rx: Math.min(2, wide / 3),
      });
    });
  });
}

function lines(points, names, { x, y, step }) {
  return names.flatMap((_, of) => {
    const letter = "ab"[of];
    const there = points.map((point, at) => [x(at) + step / 2, point.values[of]]).filter(([, value]) => value !== null && value !== undefined);
    if (there.length === 0) return [];
    const path = there.map(([across, value], at) => `${at ? "L" : "M"}${across.toFixed(1)} ${y(value).toFixed(1)}`).join("");
    const dots = there.length > 40 ? [] : there.map(([across, value]) => s(`circle.dot-${letter}`, { cx: across, cy: y(value), r: 2.2 }));
    return [s(`path.line-${letter}`, { d: path }), ...dots];
  });
}

function numbers(points, names, show, title) {
  return h(
    "table.hidden-label",
    h("caption", title),
    h("thead", h("tr", h("th", { scope: "col" }, "Time"), names.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", points.map((point) =>
      h("tr", h("th", { scope: "row" }, point.long ?? point.label), point.values.map((value) => h("td", value === null ? "–" : show(value ?? 0)))))),
  );
}

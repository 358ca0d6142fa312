// Elements by hand. Whatever comes from outside gets into a page as a text node or an attribute's value and never as
// markup: there is no other way here, and the page's policy forbids the browser's own.

/**
 * An element: `h("a.item", { href: "/" }, "text", child)`. In attributes `on…` is a listener, `value`, `checked` and
 * `disabled` are properties, and null or false leaves one out.
 */
export function h(kind, ...rest) {
  return dress(document.createElement(tag(kind)), kind, rest);
}

/** The same for SVG. */
export function s(kind, ...rest) {
  return dress(document.createElementNS("http://www.w3.org/2000/svg", tag(kind)), kind, rest);
}

const tag = (kind) => kind.split(/[.#]/, 1)[0];

function dress(element, kind, rest) {
  for (const [, mark, name] of kind.matchAll(/([.#])([^.#]+)/g)) {
    if (mark === "#") element.id = name;
    else element.classList.add(name);
  }
  const [first] = rest;
  const plain = first && typeof first === "object" && !(first instanceof Node) && !Array.isArray(first);
  if (plain) set(element, first);
  add(element, plain ? rest.slice(1) : rest);
  return element;
}

const PROPERTIES = new Set(["value", "checked", "disabled", "selected", "open", "indeterminate"]);

/** Sets attributes, properties and listeners. */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) {
      if (value) element.addEventListener(name.slice(2), value);
    } else if (PROPERTIES.has(name)) {
      element[name] = value ?? "";
    } else if (name === "class") {
      if (value) element.classList.add(...value.split(" ").filter(Boolean));
    } else if (name === "style") {
      for (const [key, what] of Object.entries(value)) element.style.setProperty(key, what);
    } else if (value === true) {
      element.setAttribute(name, "");
    } else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, String(value));
    }
  }
}

/** Appends children: nodes, texts, numbers, lists of them; null and false are nothing. */
export function add(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) add(element, child);
    else if (child instanceof Node) element.append(child);
    else if (child !== null && child !== undefined && child !== false) element.append(String(child));
  }
}

/** Replaces what is in an element. */
export function fill(element, ...children) {
  element.replaceChildren();
  add(element, children);
  return element;
}

let count = 0;
/** A new id for an element. */
export const fresh = (stem) => `${stem}-${(count += 1)}`;

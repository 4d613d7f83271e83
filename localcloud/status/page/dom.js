// Elements whose texts are always texts: nothing that a resource is called can become markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== "").map((child) =>
    child instanceof Node ? child : document.createTextNode(String(child))));
  return element;
}

export const html = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
export const find = (selector) => document.querySelector(selector);

const KINDS = {
  "api": "REST API", "user-pool": "User pool", "vpc-link": "VPC link", "network-load-balancer": "Network load balancer",
  "application-load-balancer": "Application load balancer", "target-group": "Target group", "function": "Function",
  "database": "Database", "file-system": "File system", "instance": "Instance", "url": "URL",
};
export const kindName = (kind) => KINDS[kind] || kind;

// A mark whose shape says as much as its colour.
const SHAPES = {
  good: [["circle", { cx: 0, cy: 0, r: 6 }], ["path", { class: "ink", d: "M-2.8 0.200L-0.8 2.300L3 -2" }]],
  busy: [["circle", { class: "ring", cx: 0, cy: 0, r: 5.2 }], ["path", { class: "hand", d: "M0 -3V0L2.2 1.6" }]],
  off: [["circle", { class: "ring", cx: 0, cy: 0, r: 5.2 }], ["path", { class: "hand", d: "M-2.4 0H2.4" }]],
  bad: [["rect", { x: -5.5, y: -5.5, width: 11, height: 11, rx: 1.5, transform: "rotate(45)" }],
    ["path", { class: "ink", d: "M0 -3.200V0.800M0 3V3.3" }]],
};

export function mark(health, x, y, scale = 1) {
  return svg("g", { class: `mark ${health}`, transform: `translate(${x} ${y}) scale(${scale})` },
    ...SHAPES[health].map(([tag, attributes]) => svg(tag, attributes)));
}

export const badge = (health, said) => html("span", { class: `badge ${health}` },
  svg("svg", { viewBox: "-8 -8 16 16", "aria-hidden": "true" }, mark(health, 0, 0)), said);

export const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });

export function duration(milliseconds) {
  if (milliseconds >= 10000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return milliseconds >= 100 ? `${Math.round(milliseconds)} ms` : `${milliseconds.toFixed(1)} ms`;
}

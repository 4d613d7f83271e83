// Draws the topology, keeps what is selected, and shows the way of a request on it.

import { badge, find, html, kindName, mark, svg } from "./dom.js";
import { layout, SIZES } from "./layout.js";

const measure = document.createElement("canvas").getContext("2d");
const FONT = getComputedStyle(document.documentElement).fontFamily;
let state = null;
let selected = "";
let way = { nodes: [], resource: "" };

// A text cut to a width, with all of it to be had by hovering.
function words(text, { x, y, width, size = 12, weight = 400, ...more }) {
  measure.font = `${weight} ${size}px ${FONT}`;
  let shown = text;
  while (shown.length > 1 && measure.measureText(shown).width > width) shown = `${shown.replace(/…$/, "").slice(0, -1)}…`;
  const element = svg("text", { x, y, "font-size": size, "font-weight": weight, ...more }, shown);
  if (shown !== text) element.append(svg("title", {}, text));
  return element;
}

const textWidth = (text, size) => {
  measure.font = `400 ${size}px ${FONT}`;
  return measure.measureText(text).width;
};

function choosing(id) {
  return {
    tabindex: 0, role: "button", "data-id": id, "aria-pressed": String(id === selected),
    onclick: (event) => { event.stopPropagation(); select(id === selected ? "" : id); },
    onkeydown: (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); select(id === selected ? "" : id); }
    },
    onmouseenter: () => lit(id, true), onmouseleave: () => lit(id, false), onfocus: () => lit(id, true), onblur: () => lit(id, false),
  };
}

function lit(id, on) {
  for (const line of find("#topology .canvas svg").querySelectorAll(".link")) {
    if (line.dataset.source === id || line.dataset.target === id) line.classList.toggle("lit", on);
  }
}

const spoken = (node) => [node.title, kindName(node.kind), node.said, ...node.rows.filter((row) => row.said)
  .map((row) => `${row.name} ${row.said}`)].join(", ");

function card(box) {
  const { node, x, y, w, h } = box;
  const room = w > 180 ? Math.min(110, textWidth(node.said, 11)) + 8 : 0;
  return svg("g", { class: `node ${node.kind} ${node.health}`, "data-kind": node.kind, "data-health": node.health, "aria-label": spoken(node), ...choosing(node.id) },
    svg("rect", { class: "box", x, y, width: w, height: h, rx: 8 }),
    svg("path", { class: "stripe", d: `M${x + 0.5} ${y + 8}V${y + h - 8}` }),
    words(kindName(node.kind).toUpperCase(), { x: x + 12, y: y + 17, width: w - 36, size: 9, weight: 600, class: "kind" }),
    words(node.title, { x: x + 12, y: y + 35, width: w - 24 - room, size: 13, weight: 600 }),
    mark(node.health, x + w - 15, y + 14, 0.95),
    room ? words(node.said, { x: x + w - 10, y: y + 35, width: 110, size: 11, class: "soft", "text-anchor": "end" }) : svg("title", {}, node.said),
    node.rows.length ? svg("path", { class: "rule", d: `M${x + 10} ${y + SIZES.HEAD - 3}H${x + w - 10}` }) : null,
    node.rows.map((row, index) => line(row, node, x, y + SIZES.HEAD + index * SIZES.ROW, w)));
}

// A listener's rule with its target group, or a path of an API.
function line(row, node, x, y, w) {
  const middle = y + SIZES.ROW / 2 + 4;
  if (node.kind === "api") {
    return svg("g", { class: "row", "data-row": row.id }, words(row.text, { x: x + 12, y: middle, width: w - 24, size: 11.5, class: "path" }));
  }
  const others = node.rows.filter((each) => each.port === row.port).length > 1;
  const rule = `:${row.port} ${row.text || (others ? "else" : "")}`.trim();
  const dots = row.targets.slice(0, 6);
  const right = x + w - 14;
  const dotsWidth = dots.length * 14;
  const countWidth = row.said ? textWidth(row.said, 11) + 6 : 0;
  const left = w - 28 - dotsWidth - countWidth;
  return svg("g", { class: `row ${row.health}`, "data-row": row.id, "data-group": row.group || null, "data-health": row.health },
    svg("title", {}, `${rule} → ${row.name} ${row.said}`),
    row.group
      ? words(rule, { x: x + 12, y: middle, width: left, size: 11.5, weight: row.health === "bad" ? 600 : 400, class: "path" })
      : words(`${rule} ${row.name}`, { x: x + 12, y: middle, width: w - 28, size: 11.5, class: "path" }),
    dots.map((target, index) => mark(target.health, right - countWidth - (dots.length - 1 - index) * 14 - 3, middle - 4, 0.8)),
    row.said ? svg("text", { x: right + 3, y: middle, class: "count", "font-size": 11, "text-anchor": "end" }, row.said) : null);
}

function chip(box) {
  const { node, x, y, w, h } = box;
  const said = node.health === "good" ? "" : node.said;
  const room = said ? textWidth(said, 11) + 8 : 0;
  return svg("g", { class: `node instance ${node.health}`, "data-kind": "instance", "data-health": node.health, "aria-label": spoken(node), ...choosing(node.id) },
    svg("rect", { class: "box", x, y, width: w, height: h, rx: 6 }),
    mark(node.health, x + 14, y + h / 2, 0.9),
    words(node.title, { x: x + 27, y: y + h / 2 + 4, width: w - 34 - room, size: 11.5, weight: 500 }),
    said ? svg("text", { x: x + w - 9, y: y + h / 2 + 4, class: "soft", "font-size": 11, "text-anchor": "end" }, said) : null);
}

function subnet(box) {
  const { subnet: { title, cidr, zone, out }, x, y, w, h } = box;
  return svg("g", { class: "subnet", "data-subnet": box.id },
    svg("rect", { x, y, width: w, height: h, rx: 8 }),
    words(title, { x: x + 10, y: y + 16, width: w - 20, size: 11.5, weight: 600 }),
    words(`${cidr} · ${zone} · ${out}`, { x: x + 10, y: y + 30, width: w - 20, size: 10, class: "soft" }));
}

const frame = ({ vpc, x, y, w, h }) => svg("g", { class: "vpc", "data-vpc": vpc.id },
  svg("rect", { x, y, width: w, height: h, rx: 10 }),
  svg("text", { x: x + 14, y: y + 22 }, svg("tspan", { class: "kind", "font-size": 9, "font-weight": 600 }, "VPC  "),
    svg("tspan", { "font-size": 12.5, "font-weight": 600 }, vpc.title), svg("tspan", { class: "soft", "font-size": 11, dx: 10 }, vpc.cidr)));

const band = ({ region, x, y, w, h }) => svg("g", { class: "region", "data-region": region.name },
  svg("rect", { x, y, width: w, height: h, rx: 14 }),
  svg("text", { x: x + 16, y: y + 27, "font-size": 15, "font-weight": 650 }, region.name));

// Lines

function ends(link, placed) {
  const from = placed.rows.get(link.from) || placed.nodes.get(link.from) || placed.subnets.get(link.from);
  const row = placed.rows.get(link.to);
  const to = row || placed.nodes.get(link.to);
  return from && to ? { from, to, start: from.box || from, end: row ? row.box : to } : null;
}

function curve({ from, to, start, end }) {
  const [x1, y1] = [from.x + from.w, from.y + from.h / 2];
  const [x2, y2] = [to.x, to.box || to.h < 40 ? to.y + to.h / 2 : to.y + Math.min(to.h / 2, 24)];
  if (x2 > x1) {
    const bend = Math.max(22, Math.min((x2 - x1) / 2, 120));
    return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2 - 3} ${y2}`;
  }
  if (!from.box && !to.box && end.y > start.y) return `M${start.x + 40} ${start.y + start.h}V${end.y - 3}`;
  const far = to.x + to.w;
  return `M${x1} ${y1}C${x1 + 40} ${y1} ${far + 40} ${y2} ${far + 3} ${y2}`;
}

function drawLink(link, placed) {
  const found = ends(link, placed);
  if (!found) return null;
  const source = found.start.node ? found.start.node.id : found.start.id;
  const target = found.end.node ? found.end.node.id : found.end.id;
  return svg("g", { class: `link ${link.kind} ${link.health}`, "data-source": source, "data-target": target,
    "data-from": found.from.row ? link.from : null, "data-to": found.to.row ? link.to : null, "data-kind": link.kind, "data-health": link.health }, svg("path", { d: curve(found), "marker-end": `url(#end-${link.health})` }));
}

function drawPeering(link, placed, index) {
  const [one, other] = [link.from, link.to].map((id) => placed.frames.find((each) => each.id === id));
  if (!one || !other) return null;
  const [upper, lower] = one.y < other.y ? [one, other] : [other, one];
  const x = upper.x + upper.w - 120 - index * 150;
  const [top, bottom] = [upper.y + upper.h, lower.y];
  const text = `peering ${link.said}`;
  const width = textWidth(text, 11) + 34;
  return svg("g", { class: `link peering ${link.health}`, "data-kind": "peering", "data-health": link.health, "data-source": upper.id, "data-target": lower.id },
    svg("path", { d: `M${x} ${top}V${bottom}` }),
    svg("rect", { class: "chip", x: x - width / 2, y: (top + bottom) / 2 - 11, width, height: 22, rx: 11 }),
    mark(link.health, x - width / 2 + 14, (top + bottom) / 2, 0.8),
    svg("text", { x: x - width / 2 + 25, y: (top + bottom) / 2 + 4, "font-size": 11 }, text), svg("title", {}, link.id));
}

const arrow = (health) => svg("marker", { id: `end-${health}`, class: `end ${health}`, viewBox: "0 0 8 8", refX: 6, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto" },
  svg("path", { d: "M0.5 0.800L7 4L0.5 7.200z" }));

export function draw(next) {
  state = next;
  const canvas = find("#topology .canvas");
  if (!state.nodes.length && !state.regions.length) {
    canvas.replaceChildren(html("p", { class: "empty soft" }, "Nothing is deployed. What is built on this local cloud appears here by itself."));
    return;
  }
  const focused = document.activeElement?.dataset?.id;
  const placed = layout(state);
  const links = state.links.filter((link) => link.kind !== "peering");
  const peerings = state.links.filter((link) => link.kind === "peering");
  const picture = svg("svg", { viewBox: `0 0 ${placed.width} ${placed.height}`, role: "group", "aria-label": "Topology as deployed" },
    svg("defs", {}, ["good", "busy", "off", "bad"].map(arrow)),
    placed.bands.map(band), placed.frames.map(frame), [...placed.subnets.values()].map(subnet),
    svg("g", { "aria-hidden": "true" }, links.map((link) => drawLink(link, placed)), peerings.map((link, index) => drawPeering(link, placed, index))),
    [...placed.nodes.values()].map((box) => (box.node.kind === "instance" && box.h === SIZES.INSTANCE ? chip(box) : card(box))));
  picture.style.minWidth = `${Math.round(placed.width * 0.72)}px`;
  picture.style.maxWidth = `${Math.round(placed.width * 1.15)}px`;
  canvas.replaceChildren(picture);
  if (focused) picture.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  details();
  show();
}

// What is selected, and the way of a request

export function select(id) {
  selected = id;
  for (const element of document.querySelectorAll("#topology .node")) element.setAttribute("aria-pressed", String(element.dataset.id === id));
  details();
}

function details() {
  const node = state.nodes.find((each) => each.id === selected);
  const panel = find("#details");
  if (!node) {
    panel.replaceChildren(html("p", { class: "soft" }, "Select anything in the picture to see what AWS's API says of it."));
    return;
  }
  const targets = node.rows.flatMap((row) => (row.targets || []).map((target) => html("tr", {},
    html("td", {}, row.name), html("td", {}, nameOf(target)), html("td", {}, badge(target.health, target.said)), html("td", { class: "soft" }, target.why))));
  panel.replaceChildren(...[
    html("h3", {}, node.title, html("span", { class: "soft" }, ` ${kindName(node.kind)}, ${node.region}`), badge(node.health, node.said)),
    html("dl", {}, node.facts.map(([name, value]) => html("div", {}, html("dt", {}, name), html("dd", {}, value)))),
    targets.length ? html("table", {}, html("thead", {}, html("tr", {}, ["Target group", "Target", "Health", "Why"].map((text) => html("th", { scope: "col" }, text)))),
      html("tbody", {}, targets)) : null,
  ].filter(Boolean));
}

function nameOf(target) {
  const node = state.nodes.find((each) => each.arn === target.target);
  return `${node ? node.title : target.name}:${target.port ?? ""}`;
}

export const titleOf = (id, otherwise) => state?.nodes.find((each) => each.id === id)?.title || otherwise;

// nodes: ids in the order of the hops, target groups among them; resource: of the API, which says which of its rows it was
export function showWay(nodes, resource) {
  way = { nodes, resource };
  show();
}

function show() {
  const picture = find("#topology .canvas svg");
  if (!picture) return;
  const { nodes, resource } = way;
  picture.classList.toggle("tracing", nodes.length > 0);
  const steps = nodes.filter((id) => !id.startsWith("target-group:"));
  const pairs = new Set(steps.slice(1).map((id, index) => `${steps[index]} ${id}`));
  const rows = new Set(state.nodes.filter((node) => nodes.includes(node.id)).flatMap((node) => node.rows)
    .filter((row) => (row.paths ? row.paths.includes(resource) : nodes.includes(row.group))).map((row) => row.id));
  const passed = (row) => !row || rows.has(row);
  for (const element of picture.querySelectorAll(".node")) element.classList.toggle("on", nodes.includes(element.dataset.id));
  for (const element of picture.querySelectorAll(".row")) element.classList.toggle("on", rows.has(element.dataset.row));
  for (const element of picture.querySelectorAll(".link")) {
    const { source, target, from, to } = element.dataset;
    element.classList.toggle("on", pairs.has(`${source} ${target}`) && passed(from) && passed(to));
  }
}

// A request that has just ended runs once along its way.
export function pulse(nodes) {
  const picture = find("#topology .canvas svg");
  if (!picture || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  nodes.forEach((id, index) => {
    const element = picture.querySelector(`[data-id="${CSS.escape(id)}"]`);
    element?.querySelector(".box")?.animate([{ strokeWidth: "1px" }, { strokeWidth: "4px" }, { strokeWidth: "1px" }], { duration: 700, delay: index * 90, easing: "ease-out" });
  });
}

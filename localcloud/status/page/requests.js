// The newest requests, and the way that the selected one took.

import { clock, duration, find, html, kindName } from "./dom.js";
import { pulse, showWay, titleOf } from "./topology.js";

const PULSED = 3; // of many that arrive at once, the newest
let requests = [];
let selected = "";
let known = null;

const health = (status) => (status >= 500 || status === 0 ? "bad" : status >= 400 ? "busy" : "good");
const nodesOf = (request) => [request.api, ...request.hops.map((hop) => hop.node)];

export function list(next) {
  requests = next;
  if (known) {
    for (const request of requests.filter((each) => !known.has(each.id)).slice(0, PULSED)) pulse(nodesOf(request));
  }
  known = new Set(requests.map((each) => each.id));
  const place = find("#requests .list");
  const focused = document.activeElement?.dataset?.request;
  place.replaceChildren(...requests.map((request) => html("li", {}, html("button", {
    type: "button", "data-request": request.id, "aria-pressed": String(request.id === selected), onclick: () => choose(request.id) },
    html("time", { class: "soft" }, clock(request.time)),
    html("b", {}, request.method),
    html("span", { class: "path", title: request.path }, request.path),
    html("span", { class: `status ${health(request.status)}` }, request.status || "gone"),
    html("span", { class: "soft took" }, duration(request.milliseconds))))));
  if (!requests.length) place.replaceChildren(html("li", { class: "empty soft" }, "No request has come yet."));
  if (focused) place.querySelector(`[data-request="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  way();
}

function choose(id) {
  selected = id === selected ? "" : id;
  for (const button of document.querySelectorAll("#requests .list button")) {
    button.setAttribute("aria-pressed", String(button.dataset.request === selected));
  }
  way();
}

// Each hop's bar is the time until its answer's head came back: it holds those of all hops behind it.
export function way() {
  const request = requests.find((each) => each.id === selected);
  showWay(request ? nodesOf(request) : [], request?.resource);
  const place = find("#requests .way");
  if (!request) {
    place.replaceChildren();
    return;
  }
  const longest = Math.max(request.milliseconds, ...request.hops.map((hop) => hop.milliseconds), 0.1);
  const steps = [
    { kind: "api", name: titleOf(request.api, request.api.split(":")[2]), region: request.api.split(":")[1], milliseconds: request.milliseconds, outcome: "ok" },
    ...request.hops.map((hop) => ({ ...hop, name: titleOf(hop.node, hop.name) })),
  ];
  place.replaceChildren(
    html("h3", {}, `${request.method} ${request.path} `, html("span", { class: `status ${health(request.status)}` }, request.status || "the client went away"),
      html("span", { class: "soft" }, ` ${duration(request.milliseconds)}, ${request.bytes.toLocaleString()} bytes`),
      html("button", { type: "button", class: "plain", onclick: () => find("#topology").scrollIntoView({ behavior: "smooth" }) }, "show it in the topology")),
    request.reason ? html("p", { class: "reason" }, request.reason) : "",
    html("ol", { class: "hops", "aria-label": "Hops" }, steps.map((step) => {
      const bar = html("i", { class: step.outcome === "ok" ? "" : "bad" });
      bar.style.width = `${Math.max(1, (step.milliseconds / longest) * 100)}%`;
      return html("li", { "data-kind": step.kind },
        html("span", { class: "what" }, html("b", { title: step.name }, step.name), html("small", {}, `${kindName(step.kind)}, ${step.region}`)),
        html("span", { class: "bar", "aria-hidden": "true" }, bar), html("span", { class: "took" }, duration(step.milliseconds)),
        step.outcome === "ok" ? "" : html("span", { class: "outcome" }, `✕ ${step.outcome}`));
    })));
}

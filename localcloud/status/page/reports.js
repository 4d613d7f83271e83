// State Manager's results and the alarms.

import { badge, clock, find, html } from "./dom.js";

const count = (items, health) => items.filter((each) => each.health === health).length;

function associations(found) {
  if (!found.length) return [html("p", { class: "empty soft" }, "There is no association.")];
  return found.map((each) => html("details", { open: each.health !== "good", "data-association": each.id, "data-health": each.health },
    html("summary", {}, html("b", {}, each.title), html("span", { class: "soft" }, ` ${each.region}`),
      html("span", { class: "right" }, html("span", { class: "soft" }, `${count(each.results, "good")} of ${each.results.length} `), badge(each.health, each.said))),
    html("p", { class: "soft" }, `${each.document}, ${each.targets}`),
    html("ul", { class: "results" }, each.results.map((result) => html("li", { "data-result": result.id },
      badge(result.health, result.said), html("b", {}, result.title), html("span", { class: "soft" }, ` ${result.id}`),
      html("span", { class: "soft right" }, result.time ? clock(result.time) : ""),
      result.why && result.why !== result.said ? html("p", { class: "soft" }, result.why) : "")))));
}

const RANK = ["bad", "busy", "good", "off"];

function alarms(found) {
  if (!found.length) return [html("p", { class: "empty soft" }, "There is no alarm.")];
  const sorted = [...found].sort((one, other) => RANK.indexOf(one.health) - RANK.indexOf(other.health) || one.title.localeCompare(other.title));
  return [html("ul", { class: "results" }, sorted.map((each) => html("li", { "data-alarm": each.title, "data-health": each.health, title: each.why },
    badge(each.health, each.said), html("b", {}, each.title), html("span", { class: "soft" }, ` ${each.region}`), each.text ? html("p", { class: "soft" }, each.text) : "")))];
}

// What was opened or closed by hand stays so.
export function reports(state) {
  const place = find("#associations .items");
  const before = new Map([...place.querySelectorAll("details")].map((each) => [each.dataset.association, each]));
  const made = associations(state.associations);
  for (const each of made) {
    const old = before.get(each.dataset?.association);
    if (old && old.dataset.health === each.dataset.health) each.open = old.open;
  }
  place.replaceChildren(...made);
  find("#alarms .items").replaceChildren(...alarms(state.alarms));
}

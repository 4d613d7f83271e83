// Asks what there is, again and again while somebody looks, and hands it to whoever draws it.

import { offer } from "./chat.js";
import { badge, find, html, mark, svg } from "./dom.js";
import { reports } from "./reports.js";
import { list, way } from "./requests.js";
import { draw, select } from "./topology.js";

const PLACE = "/_localcloud/status/";
const STATE_PAUSE = 2000;
const REQUESTS_PAUSE = 1000;
const live = find("#live");

for (const each of document.querySelectorAll(".legend li")) {
  each.prepend(svg("svg", { viewBox: "-8 -8 16 16", "aria-hidden": "true" }, mark(each.dataset.health, 0, 0)));
}

function head(state) {
  const count = (kind) => state.nodes.filter((node) => node.kind === kind).length;
  const regions = state.regions.map((region) => region.name).join(", ");
  const parts = [["instance", "instances"], ["network-load-balancer", "NLBs"], ["application-load-balancer", "ALBs"], ["function", "functions"], ["database", "databases"]]
    .map(([kind, words]) => [count(kind), words]).filter(([number]) => number).map(([number, words]) => `${number} ${number === 1 ? words.replace(/s$/, "") : words}`);
  find("#where").textContent = state.nodes.length ? [`Account ${state.account}`, regions, ...parts].join("  ·  ") : `Account ${state.account}`;
  const { counted, attention } = state.verdict;
  const worst = attention[0]?.health || "good";
  find("#verdict").replaceChildren(badge(worst, attention.length ? `${attention.length} of ${Object.values(counted).reduce((one, other) => one + other, 0)} want${attention.length === 1 ? "s" : ""} a look` : state.nodes.length ? "All is well" : "Empty"));
  const strip = find("#attention");
  strip.hidden = !attention.length;
  strip.className = worst;
  strip.replaceChildren(...attention.slice(0, 12).map((each) => html("li", {}, html("button", { type: "button", class: "plain", onclick: () => select(each.id) },
    badge(each.health, each.said), html("b", {}, each.title), html("span", { class: "soft" }, ` ${each.region}`)))));
  document.title = attention.length ? `(${attention.length}) Local cloud` : "Local cloud";
}

function tell(connected) {
  live.className = connected ? "live on" : "live";
  live.querySelector("span").textContent = connected ? "live" : "no answer from the local cloud, trying again";
}

// While the page is hidden nothing is asked. What has not changed is not drawn again.
function poll(name, pause, use) {
  let tag = "";
  const turn = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(PLACE + name, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
        if (answer.status === 200) {
          use(await answer.json());
          tag = answer.headers.get("ETag");
        } else if (answer.status !== 304) {
          throw new Error(String(answer.status));
        }
        tell(true);
      } catch (error) {
        console.error(error);
        tell(false);
      }
    }
    setTimeout(turn, pause);
  };
  turn();
}

poll("state", STATE_PAUSE, (state) => {
  head(state);
  draw(state);
  reports(state);
  offer(state);
  way();
});
poll("requests", REQUESTS_PAUSE, list);

// Signs in at a deployed user pool and talks to a model through a deployed API. Tokens are kept in this page's memory alone.

import { find, html } from "./dom.js";

const form = find("#chat .sign-in");
const talk = find("#chat .talk");
const ask = find("#chat .ask");
const said = find("#chat .said");
const problem = find("#chat .problem");
const leave = find("#chat .sign-out");
const stop = find("#chat .stop");
const NOT_FOR_TALK = /embed/i;

let control = "";
let ways = [];
let session = null; // {way, token, refresh}
let turns = [];
let running = null;

export function offer(state) {
  control = `${location.protocol}//${location.hostname}:${state.control}`;
  const offered = state.ways.filter((way) => way.bases.length);
  if (JSON.stringify(offered) !== JSON.stringify(ways)) {
    ways = offered;
    form.elements.way.replaceChildren(...ways.map((way, index) => html("option", { value: index }, `${way.api} ${way.stage}, users of ${way.pool}`)));
    find("#chat .choice").hidden = ways.length < 2;
  }
  find("#chat .none").hidden = ways.length > 0 || session !== null;
  form.hidden = !ways.length || session !== null;
}

async function cognito(region, flow, parameters, client) {
  const answer = await fetch(`${control}/`, {
    method: "POST",
    headers: { "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth" },
    body: JSON.stringify({ AuthFlow: flow, ClientId: client, AuthParameters: parameters }),
  });
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.message || content.__type || `Cognito answers ${answer.status}`);
  if (!content.AuthenticationResult) throw new Error(`Cognito asks for ${content.ChallengeName}, which this page cannot answer`);
  return content.AuthenticationResult;
}

async function call(path, options = {}) {
  for (const again of [true, false]) {
    const answer = await fetch(session.way.url + path, {
      ...options, headers: { "Content-Type": "application/json", Authorization: `Bearer ${session.token}` } });
    if (answer.ok) return answer;
    if (answer.status === 401 && again && session.refresh) {
      const tokens = await cognito(session.way.region, "REFRESH_TOKEN_AUTH", { REFRESH_TOKEN: session.refresh }, session.way.client);
      session.token = tokens.IdToken;
      continue;
    }
    const content = await answer.json().catch(() => ({}));
    const why = answer.headers.get("X-Localcloud-Reason");
    const error = new Error([`${answer.status} ${content.message || content.error || answer.statusText}`, why].filter(Boolean).join(": "));
    error.status = answer.status;
    throw error;
  }
  return null;
}

async function guarded(work) {
  problem.textContent = "";
  try {
    await work();
  } catch (error) {
    problem.textContent = error instanceof TypeError ? `No answer: ${error.message}` : error.message;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  guarded(async () => {
    const way = ways[form.elements.way.value || 0];
    const given = { USERNAME: form.elements.name.value, PASSWORD: form.elements.password.value };
    const tokens = await cognito(way.region, "USER_PASSWORD_AUTH", given, way.client);
    session = { way, token: tokens.IdToken, refresh: tokens.RefreshToken };
    form.elements.password.value = "";
    signed(true);
    await bases();
  }).finally(() => { button.disabled = false; });
});

function signed(now) {
  form.hidden = now || !ways.length;
  talk.hidden = leave.hidden = !now;
}

leave.addEventListener("click", () => {
  running?.abort();
  session = null;
  turns = [];
  said.replaceChildren();
  problem.textContent = "";
  signed(false);
});

// The paths below which a list of models is to be had; the first one that has one is taken.
async function bases() {
  const found = [];
  const missed = [];
  for (const base of session.way.bases) {
    try {
      const { models } = await (await call(`${base}/tags`)).json();
      if (Array.isArray(models)) found.push({ base, models: models.map((model) => model.name) });
    } catch (error) {
      if (error.status !== 404) missed.push(`${base}: ${error.message}`); // what is not there is no model
    }
  }
  session.found = found;
  find("#chat [name=base]").replaceChildren(...found.map(({ base }) => html("option", {}, base)));
  models();
  if (!found.length && !missed.length) missed.push("No path of this API has a list of models.");
  problem.textContent = missed.join("\n");
  find("#question").focus({ preventScroll: true });
}

function models() {
  const chosen = session.found.find(({ base }) => base === find("#chat [name=base]").value);
  const names = chosen ? [...chosen.models].sort((one, other) => NOT_FOR_TALK.test(one) - NOT_FOR_TALK.test(other)) : [];
  find("#chat [name=model]").replaceChildren(...names.map((name) => html("option", {}, name)));
}

find("#chat [name=base]").addEventListener("change", models);
stop.addEventListener("click", () => running?.abort());

ask.addEventListener("submit", (event) => {
  event.preventDefault();
  const question = ask.elements.question.value.trim();
  if (!question || running) return;
  ask.elements.question.value = "";
  guarded(() => answer(question));
});

function bubble(who, text) {
  const words = html("p", {}, text);
  const note = html("small", { class: "soft" });
  said.append(html("li", { class: who }, html("small", { class: "hidden" }, who === "user" ? "You: " : "Model: "), words, note));
  said.scrollTop = said.scrollHeight;
  return { words, note };
}

async function answer(question) {
  const model = find("#chat [name=model]").value;
  const base = find("#chat [name=base]").value;
  turns.push({ role: "user", content: question });
  bubble("user", question);
  const { words, note } = bubble("assistant", "");
  words.classList.add("waiting");
  running = new AbortController();
  ask.querySelector("[type=submit]").hidden = true;
  stop.hidden = false;
  const began = performance.now();
  let first = 0;
  let pieces = 0;
  try {
    const response = await call(`${base}/chat`, { method: "POST", body: JSON.stringify({ model, messages: turns, stream: true }), signal: running.signal });
    for await (const line of lines(response.body)) {
      if (line.error) throw new Error(line.error);
      first ||= performance.now();
      pieces += 1;
      words.classList.remove("waiting");
      words.textContent += line.message?.content || "";
      said.scrollTop = said.scrollHeight;
    }
    const seconds = (performance.now() - began) / 1000;
    note.textContent = `${model}, first word after ${((first - began) / 1000).toFixed(2)} s, ${pieces} pieces in ${seconds.toFixed(1)} s`;
    turns.push({ role: "assistant", content: words.textContent });
  } catch (error) {
    if (error.name !== "AbortError") throw error;
    note.textContent = "stopped";
  } finally {
    words.classList.remove("waiting");
    if (turns.at(-1)?.role === "user") turns.pop();
    running = null;
    ask.querySelector("[type=submit]").hidden = false;
    stop.hidden = true;
  }
}

// The JSON objects of a stream, each as soon as its line is whole.
async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    const whole = (rest + (value || "")).split("\n");
    rest = done ? "" : whole.pop();
    for (const line of whole) if (line.trim()) yield JSON.parse(line);
    if (done) return;
  }
}

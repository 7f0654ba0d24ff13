"use strict";

const form = document.getElementById("form");
const text = document.getElementById("text");
const key = document.getElementById("key");
const error = document.getElementById("error");
let thresholds = null;

function headers() {
  const result = { "Content-Type": "application/json" };
  if (key) result.Authorization = `Api-Key ${key.value.trim()}`;
  else result["X-CSRFToken"] = form.dataset.csrf;
  return result;
}

async function call(url, options) {
  const response = await fetch(url, { headers: headers(), ...options });
  const body = await response.json();
  if (!response.ok) throw new Error(body.errors.map((each) => each.detail).join(" "));
  return body;
}

async function loadThresholds() {
  const { labels } = await call("/api/v1/emotions/labels");
  return new Map(labels.map(({ label, threshold }) => [label, threshold]));
}

function element(tag, className, content) {
  const node = document.createElement(tag);
  node.className = className;
  if (content !== undefined) node.textContent = content;
  return node;
}

function bar(label, score) {
  const threshold = thresholds.get(label);
  const item = element("li", score >= threshold ? "over" : "");
  const track = element("div", "track");
  const fill = element("div", "fill");
  const mark = element("div", "mark");
  fill.style.width = `${100 * score}%`;
  mark.style.left = `${100 * threshold}%`;
  mark.title = `threshold ${threshold}`;
  track.append(fill, mark);
  item.append(element("span", "name", label), track, element("span", "score", score.toFixed(3)));
  return item;
}

function show({ results: [result], meta }) {
  const strongest = Object.entries(result.scores).sort((a, b) => b[1] - a[1]);
  document.getElementById("dominant").textContent = result.dominant.label;
  document.getElementById("facts").textContent = [
    result.low_confidence ? "no label is over its threshold" : `${result.labels.length} over threshold`,
    result.valence === null ? "" : `valence ${result.valence.toFixed(2)}`,
    `${result.tokens} tokens`,
    result.cached ? "cached" : `${meta.timings_ms.infer.toFixed(1)} ms`,
    `${meta.model.name} ${meta.model.version}`,
  ].filter(Boolean).join(" · ");
  document.getElementById("bars").replaceChildren(...strongest.map(([label, score]) => bar(label, score)));
  document.getElementById("result").hidden = false;
}

function showCurl() {
  const body = JSON.stringify({ text: text.value }).replaceAll("'", "'\\''");
  document.getElementById("curl").textContent =
    `curl -s ${form.dataset.endpoint} \\\n  -H "Authorization: Api-Key $VALENCE_API_KEY" ` +
    `-H 'Content-Type: application/json' \\\n  -d '${body}'`;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  error.hidden = true;
  try {
    thresholds ??= await loadThresholds();
    show(await call(form.dataset.endpoint, { method: "POST", body: JSON.stringify({ text: text.value }) }));
  } catch (problem) {
    error.textContent = problem.message;
    error.hidden = false;
  } finally {
    button.disabled = false;
  }
});
text.addEventListener("input", showCurl);
showCurl();

// Richer where scripts run: the chart answers the pointer, and the playground streams.
"use strict";

const byId = (name) => document.getElementById(name);

async function drawFan() {
  const rich = byId("fan-rich");
  const plain = byId("fan-plain");
  const source = byId("fan-specification");
  if (!rich || !source || !window.vegaEmbed) return;
  rich.hidden = false;
  try {
    const { view } = await window.vegaEmbed(rich.firstElementChild, JSON.parse(source.textContent), {
      // Expressions are interpreted: this page allows no code made from text.
      ast: true,
      actions: false,
      renderer: "svg",
      defaultStyle: false,
      tooltip: { disableDefaultStyle: true },
      config: {
        aria: false,
        font: "inherit",
        view: { stroke: null },
        axis: {
          labelColor: "var(--soft)", titleColor: "var(--soft)", gridColor: "var(--rule)",
          domainColor: "var(--rule)", tickColor: "var(--rule)", labelFontSize: 12,
          titleFontWeight: "normal", titleFontSize: 12,
        },
      },
    });
    rich.vegaView = view;
    plain.hidden = true;
  } catch (error) {
    rich.hidden = true;
    plain.hidden = false;
  }
}

/** Yield the name and the object of each server-sent event of an answer. */
async function* eventsOf(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value;
    const whole = held.split("\n\n");
    held = whole.pop();
    for (const block of whole) {
      const lines = block.split("\n");
      const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
      const name = lines.find((line) => line.startsWith("event: "));
      yield [name ? name.slice(7) : "piece", JSON.parse(data.join("\n"))];
    }
  }
}

function toldOf(problem) {
  const faults = (problem.errors || []).map((fault) => `${fault.path}: ${fault.message}`);
  return [problem.detail, ...faults].join("; ");
}

function preparePlayground() {
  const form = byId("playground");
  if (!form || !window.ReadableStream || !window.TextDecoderStream) return;
  const [text, status, stop] = [byId("text"), byId("status"), byId("stop")];
  const button = form.querySelector("button.primary");
  let running = null;

  stop.addEventListener("click", () => running && running.abort());

  form.addEventListener("submit", async (submitted) => {
    submitted.preventDefault();
    if (running) return;
    running = new AbortController();
    const fields = new FormData(form);
    const given = document.createElement("span");
    const written = document.createElement("span");
    given.className = "given";
    given.textContent = fields.get("prompt");
    written.id = "written";
    text.replaceChildren(given, written);
    text.setAttribute("aria-busy", "true");
    status.textContent = "Writing…";
    stop.hidden = false;
    button.disabled = true;
    try {
      status.textContent = await stream(fields, written, running.signal);
    } catch (error) {
      const count = written.textContent.length;
      status.textContent = error.name === "AbortError"
        ? `Stopped after ${count} characters.`
        : "The connection broke off; try again.";
    } finally {
      running = null;
      button.disabled = false;
      if (document.activeElement === stop) button.focus();
      stop.hidden = true;
      text.setAttribute("aria-busy", "false");
    }
  });
}

async function stream(fields, written, signal) {
  const answer = await fetch("/v1/text", {
    method: "POST",
    signal,
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify({
      model: fields.get("model"),
      prompt: fields.get("prompt").replaceAll("\r\n", "\n"),
      length: Number(fields.get("length")),
      temperature: Number(fields.get("temperature")),
    }),
  });
  if (!answer.ok) return toldOf(await answer.json());
  for await (const [name, content] of eventsOf(answer)) {
    if (name === "piece") written.append(content.text);
    else if (name === "problem") return `${content.detail} (after ${content.written} characters)`;
    else return `${content.written} characters by version ${content.model.version} of ${content.model.name}.`;
  }
  return "The connection broke off; try again.";
}

drawFan();
preparePlayground();

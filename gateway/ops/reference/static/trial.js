// The form in which an operation is tried, and what came of it.

import { element, resolved } from "./schema.js";

const KEPT = "ota-gateway.token";

export const token = {
  get: () => sessionStorage.getItem(KEPT),
  set: (given) => (given ? sessionStorage.setItem(KEPT, given) : sessionStorage.removeItem(KEPT)),
};

export function ask(method, path) {
  const known = token.get();
  return fetch(path, { method, cache: "no-store", headers: known ? { Authorization: `Bearer ${known}` } : {} });
}

export function trial(method, path, parameters, whole) {
  const fields = parameters.filter((each) => each.in !== "header").map((each) => [each, field(each, whole)]);
  const output = element("output", { ariaLive: "polite" });
  const form = element(
    "form",
    { className: "trial" },
    ...fields.map(([each, input]) => element("label", {}, each.name + (each.required ? " *" : ""), input)),
    element("button", method === "POST" ? { className: "act" } : {}, method === "POST" ? "Do it, on this site" : "Look it up"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(method, address(path, fields), output);
  });
  return [form, output];
}

function field(parameter, whole) {
  const schema = resolved(parameter.schema, whole);
  const choices = schema.enum ?? schema.items?.enum ?? (schema.type === "boolean" ? ["true", "false"] : null);
  if (choices) {
    const several = schema.type === "array";
    const select = element("select", { multiple: several, size: several ? 4 : 1, required: parameter.required });
    if (!several) select.append(element("option", { value: "" }, ""));
    select.append(...choices.map((each) => element("option", { value: each }, each)));
    return select;
  }
  const hint = schema.examples?.[0] ?? (schema.default === undefined ? "" : String(schema.default));
  const input = element("input", { required: parameter.required, placeholder: hint, autocomplete: "off", spellcheck: false });
  if (schema.type === "integer") Object.assign(input, { type: "number", min: schema.minimum, max: schema.maximum });
  return input;
}

function address(path, fields) {
  const query = new URLSearchParams();
  let filled = path;
  for (const [parameter, input] of fields) {
    const given = input.multiple ? [...input.selectedOptions].map((each) => each.value) : input.value === "" ? [] : [input.value];
    if (parameter.in === "path") filled = filled.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else for (const value of given) query.append(parameter.name, value);
  }
  return query.size ? `${filled}?${query}` : filled;
}

async function send(method, path, output) {
  output.replaceChildren(element("p", {}, `${method} ${path} …`));
  const begun = performance.now();
  try {
    const reply = await ask(method, path);
    const isStream = reply.headers.get("Content-Type").startsWith("text/event-stream");
    const text = await (isStream ? beginning(reply) : reply.text());
    const spent = Math.round(performance.now() - begun);
    const head = element("p", { className: reply.ok ? "" : "refused" }, `${reply.status} ${reply.statusText} · ${spent} ms · ${method} ${path}`);
    output.replaceChildren(head, element("pre", { tabIndex: 0, ariaLabel: "Answer" }, pretty(text)));
  } catch (error) {
    output.replaceChildren(element("p", { className: "refused" }, `No answer: ${error.message}`));
  }
}

// The first event of a stream, which has no end.
async function beginning(reply) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let part = {}; !part.done && !/data: .*\n\n/.test(text); text += part.value ?? "") part = await reader.read();
  reader.cancel();
  return text;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

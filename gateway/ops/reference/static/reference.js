// The API's description as a page: each operation with its parameters, its answer, its refusals, and a form to try it.

import { element, prose, resolved, shape, words } from "./schema.js";
import { ask, token, trial } from "./trial.js";

const at = (id) => document.getElementById(id);

async function show() {
  at("said").textContent = "";
  const reply = await ask("GET", "/api/v1/openapi.json").catch((error) => ({ ok: false, statusText: error.message }));
  if (!reply.ok) {
    at("main").replaceChildren(element("p", { className: "about" }, "The description needs the token of the configuration's http.token."));
    at("contents").replaceChildren();
    at("said").textContent = reply.status === 401 ? (token.get() ? "That is not the token." : "") : `${reply.status ?? ""} ${reply.statusText}`;
    at("token").focus();
    return;
  }
  draw(await reply.json());
}

function draw(whole) {
  at("version").textContent = `${whole.info.title} ${whole.info.version}`;
  const about = element("div", { className: "about" }, ...whole.info.description.split("\n\n").map((each) => element("p", {}, ...prose(each))));
  const sections = new Map(whole.tags.map(({ name }) => [name, element("section", { id: name }, element("h2", {}, name))]));
  for (const [path, methods] of Object.entries(whole.paths))
    for (const [method, operation] of Object.entries(methods)) sections.get(operation.tags[0]).append(described(method, path, operation, whole));
  at("main").replaceChildren(about, ...sections.values());
  const links = [...sections.keys()].map((name) => element("li", {}, element("a", { href: `#${name}` }, name)));
  at("contents").replaceChildren(element("ul", {}, ...links));
  open();
}

function described(method, path, operation, whole) {
  const heading = element(
    "summary",
    {},
    element("span", { className: `method ${method}` }, method.toUpperCase()),
    element("span", { className: "path" }, path),
    element("span", { className: "words" }, operation.summary),
  );
  const made = element("details", { id: operation.operationId }, heading);
  // Filled when it is opened: all at once would be thousands of rows.
  made.addEventListener("toggle", () => made.open && made.children.length === 1 && made.append(body(method, path, operation, whole)));
  return made;
}

function body(method, path, operation, whole) {
  const parameters = operation.parameters.map((each) => resolved(each, whole));
  // Of a stream, what its events carry.
  const [content] = Object.values(operation.responses[200].content);
  const answer = content["x-data"] ?? content.schema;
  return element(
    "div",
    {},
    element("p", {}, ...prose(operation.description)),
    ...(parameters.length ? [element("h3", {}, "Parameters"), list(parameters, whole)] : []),
    element("h3", {}, "Answer"),
    shape(answer, whole) ?? element("p", {}, words(answer, whole)),
    element("h3", {}, "Refusals"),
    refusals(operation.responses, whole),
    element("h3", {}, "Try it"),
    ...trial(method.toUpperCase(), path, parameters, whole),
  );
}

function list(parameters, whole) {
  const rows = parameters.flatMap((each) => {
    const needed = each.required ? ", needed" : each.schema.default === undefined ? "" : `, otherwise ${each.schema.default}`;
    const type = `${words(each.schema, whole)}, in the ${each.in}${needed}`;
    return [element("dt", {}, each.name), element("dd", {}, ...prose(each.description), " ", element("span", { className: "type" }, type))];
  });
  return element("dl", {}, ...rows);
}

function refusals(responses, whole) {
  const rows = Object.entries(responses)
    .filter(([status]) => Number(status) >= 300)
    .flatMap(([status, each]) => [element("dt", {}, status), element("dd", {}, ...prose(resolved(each, whole).description))]);
  return element("dl", {}, ...rows);
}

// An address such as …/docs#cancel_update leads to an open operation.
function open() {
  const named = at(decodeURIComponent(location.hash.slice(1)));
  if (named?.tagName === "DETAILS") named.open = true;
  if (location.hash) named?.scrollIntoView();
}

at("login").addEventListener("submit", (event) => {
  event.preventDefault();
  token.set(at("token").value.trim());
  at("token").value = "";
  show();
});
at("forget").addEventListener("click", () => {
  token.set("");
  show();
});
addEventListener("hashchange", open);
show();

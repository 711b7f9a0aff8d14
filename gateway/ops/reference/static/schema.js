// Shows schemas to people. All text goes in as text: nothing is ever read as HTML.

export function element(name, properties = {}, ...inside) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...inside.filter((each) => each !== null));
  return made;
}

// What stands between backticks is code.
export function prose(text) {
  const parts = text.split("`");
  return parts.map((part, index) => (index % 2 ? element("code", {}, part) : part));
}

export function resolved(schema, whole) {
  let found = schema;
  while (found.$ref) {
    const target = found.$ref.slice(2).split("/").reduce((at, key) => at[key], whole);
    const { $ref, ...beside } = found;
    found = { ...target, ...beside };
  }
  return found;
}

// A type in a few words, such as `integer 1…500` or `list of string or null`.
export function words(schema, whole) {
  const found = resolved(schema, whole);
  if (found.anyOf) return found.anyOf.map((each) => words(each, whole)).join(" or ");
  if (found.enum) return found.enum.join(" | ");
  if (found.type === "array") return `list of ${words(found.items, whole)}`;
  if (found.additionalProperties?.type || found.additionalProperties?.$ref || found.additionalProperties?.anyOf)
    return `map to ${words(found.additionalProperties, whole)}`;
  const bounds = found.maximum === undefined ? "" : ` ${found.minimum}…${found.maximum}`;
  return `${found.type ?? "anything"}${found.format ? ` (${found.format})` : ""}${bounds}`;
}

// The members of an object, however it is wrapped; null where there are none.
function members(schema, whole) {
  const found = resolved(schema, whole);
  if (found.properties) return found;
  for (const inner of [found.items, found.additionalProperties, ...(found.anyOf ?? [])]) {
    const below = inner && typeof inner === "object" ? members(inner, whole) : null;
    if (below) return below;
  }
  return null;
}

export function shape(schema, whole, depth = 0) {
  const found = members(schema, whole);
  if (!found || depth > 4) return null;
  const list = element("dl");
  for (const [name, inner] of Object.entries(found.properties)) {
    const below = shape(inner, whole, depth + 1);
    const described = resolved(inner, whole).description;
    const type = below && !resolved(inner, whole).enum ? kind(inner, whole) : words(inner, whole);
    const optional = found.required?.includes(name) ? "" : ", not always there";
    list.append(
      element("dt", {}, name),
      element("dd", {}, element("span", { className: "type" }, type + optional), described ? " · " : "", ...prose(described ?? ""), below),
    );
  }
  return list;
}

function kind(schema, whole) {
  const found = resolved(schema, whole);
  if (found.anyOf) return found.anyOf.map((each) => kind(each, whole)).join(" or ");
  return found.type === "array" ? "list" : found.additionalProperties && !found.properties ? "map" : found.type;
}

// Elements made and kept up to date. Law: every word reaches the page as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

// Attributes: `class`, `data-…`, `aria-…`, any other; undefined, null and false are left out.
function made(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false || child === "") continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

export function el(tag, attributes = {}, ...children) {
  return made(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return made(document.createElementNS(SVG, tag), attributes, children);
}

// Make a place look like this, keeping what stays: focus, selection, and what a reader has opened.
export function paint(place, ...children) {
  morph(place, el("div", {}, ...children));
}

function morph(place, wanted) {
  const keyed = new Map();
  for (const child of place.children) if (child.dataset.key) keyed.set(child.dataset.key, child);
  let at = place.firstChild;
  for (const next of [...wanted.childNodes]) {
    const key = next.nodeType === Node.ELEMENT_NODE ? next.dataset.key : undefined;
    let known = key ? keyed.get(key) : at && !at.dataset?.key ? at : undefined;
    if (known && !isLike(known, next)) known = undefined;
    if (!known) {
      place.insertBefore(next, at);
      continue;
    }
    if (known === at) at = at.nextSibling;
    else place.insertBefore(known, at);
    change(known, next);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

function isLike(known, next) {
  return known.nodeName === next.nodeName && known.namespaceURI === next.namespaceURI;
}

function change(known, next) {
  if (known.nodeType === Node.TEXT_NODE) {
    if (known.data !== next.data) known.data = next.data;
    return;
  }
  for (const { name } of [...known.attributes]) {
    if (!next.hasAttribute(name) && name !== "open") known.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (known.getAttribute(name) !== value) known.setAttribute(name, value);
  }
  morph(known, next);
}

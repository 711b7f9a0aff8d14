// What the page asks: for the token, and whether something that cannot be undone is meant.

import { setToken } from "./api.js";
import { el } from "./dom.js";
import { say } from "./words.js";

let isAsking = false;

export function askToken(wasWrong, onGiven) {
  if (isAsking) return;
  isAsking = true;
  const input = el("input", {
    id: "token", type: "password", autocomplete: "current-password", required: true, spellcheck: "false",
    "aria-describedby": "token-why", "aria-invalid": wasWrong,
  });
  const form = el(
    "form", {},
    el("h2", { id: "token-title" }, say("token_title")),
    wasWrong && el("p", { class: "wrong", role: "alert" }, say("token_wrong")),
    // What a password manager wants to keep it under.
    el("input", { type: "text", autocomplete: "username", value: "ota-gateway", hidden: true }),
    el("label", { for: "token" }, say("token_label")),
    input,
    el("p", { id: "token-why", class: "small" }, say("token_why")),
    el("div", { class: "buttons" }, el("button", { class: "first" }, say("token_open"))),
  );
  const dialog = el("dialog", { "aria-labelledby": "token-title" }, form);
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    setToken(input.value.trim());
    isAsking = false;
    dialog.close();
    dialog.remove();
    onGiven();
  });
  document.body.append(dialog);
  dialog.showModal();
  input.focus();
}

// Resolves to true when the person means it.
export function sure(act, what) {
  return new Promise((decided) => {
    const dialog = el(
      "dialog", { "aria-labelledby": "sure-what", "aria-describedby": "sure-why" },
      el("h2", { id: "sure-what" }, what),
      el("p", { id: "sure-why" }, say(`sure_${act}`)),
      el(
        "div", { class: "buttons" },
        el("button", { value: "keep", autofocus: true }, say("keep")),
        el("button", { value: "do", class: "grave" }, say(act)),
      ),
    );
    for (const button of dialog.querySelectorAll("button")) {
      button.addEventListener("click", () => dialog.close(button.value));
    }
    dialog.addEventListener("close", () => {
      dialog.remove();
      decided(dialog.returnValue === "do");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

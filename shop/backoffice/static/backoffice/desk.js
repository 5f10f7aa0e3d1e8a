// Fills panels: fragments of other roles' admin. A role that wants its own sign-on gets it on the way.
"use strict";

// What a role of the shop answers under a path of its admin; its sign-on, where it asks for one, is gone through.
async function deskFetch(path, limit_ms = 10000) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(limit_ms) });
  if (!answer.headers.get("X-Sign-On")) return answer;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const form = page.querySelector("form[method=post]");
  const action = new URL(form.getAttribute("action"), answer.url);
  return fetch(action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
}

(() => {
  function say(panel, text, again) {
    if (!again && panel.hasAttribute("data-quiet")) return panel.remove();
    const line = document.createElement("p");
    line.className = "desk-quiet";
    line.textContent = text;
    if (again) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "desk-button";
      button.textContent = "Try again";
      button.addEventListener("click", () => fill(panel));
      line.append(" ", button);
    }
    if (panel.querySelector(".desk-quiet") || !panel.childElementCount) panel.replaceChildren(line);
    else panel.append(line); // what the page knows by itself stays
  }

  async function fill(panel) {
    panel.setAttribute("aria-busy", "true");
    try {
      const answer = await deskFetch(panel.dataset.panel);
      const told = answer.headers.get("X-Panel");
      if (told === "refused") say(panel, "Not yours to see.");
      else if (told === "nothing") say(panel, "Nothing is known here.");
      else if (!answer.ok || !told) say(panel, "No answer just now.", true);
      else panel.innerHTML = await answer.text();
    } catch {
      say(panel, "No answer just now.", true);
    }
    panel.removeAttribute("aria-busy");
    nothing();
  }

  // The search page says so when no role has found anything.
  function nothing() {
    const line = document.querySelector("[data-nothing]");
    if (line) line.hidden = Boolean(document.querySelector(".desk-hits, [data-panel][aria-busy]"));
  }

  // Select2 gives its own boxes no name: they get that of the field they stand for.
  function nameSelects() {
    document.querySelectorAll("select.select2-hidden-accessible").forEach((select) => {
      const label = document.querySelector(`label[for="${select.id}"]`)?.textContent.replace("*", "").trim();
      if (!label) return;
      select.parentElement.querySelectorAll("[role=combobox], [role=textbox], [role=searchbox]").forEach((box) => {
        box.setAttribute("aria-label", label);
        box.removeAttribute("aria-labelledby");
      });
    });
  }

  // Caught on its way down: unfold writes a file's name into the text field it draws beside its own file fields.
  // These pages have none of them, and it would fill, or miss, any other.
  document.addEventListener("change", (event) => {
    if (event.target.matches("input[type=file]")) event.stopPropagation();
  }, true);
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-panel]").forEach(fill);
    nothing();
  });
  window.addEventListener("load", () => window.django?.jQuery?.(nameSelects)); // after select2's own beginning
  document.addEventListener("focusin", (event) => {
    if (event.target.matches(".select2-search__field:not([aria-label])")) event.target.setAttribute("aria-label", "Search");
  });
})();

// Fills panels: fragments of other roles' admin. A role that wants its own sign-on gets it on the way.
"use strict";
(() => {
  async function signOn(answer) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const form = page.querySelector("form");
    if (!form) throw new Error("sign-on");
    return fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  }

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
    panel.replaceChildren(line);
  }

  async function fill(panel) {
    panel.setAttribute("aria-busy", "true");
    try {
      let answer = await fetch(panel.dataset.panel, { signal: AbortSignal.timeout(10000) });
      if (answer.headers.get("X-Sign-On")) answer = await signOn(answer);
      if (answer.status === 403) say(panel, "Not yours to see.");
      else if (answer.status === 404) say(panel, "Nothing is known here.");
      else if (!answer.ok || !answer.headers.get("X-Panel")) say(panel, "No answer just now.", true);
      else panel.innerHTML = await answer.text();
    } catch {
      say(panel, "No answer just now.", true);
    }
    panel.removeAttribute("aria-busy");
    panel.dispatchEvent(new CustomEvent("panel", { bubbles: true }));
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-panel]").forEach(fill);
  });
})();

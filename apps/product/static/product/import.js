// Follows an import while a job is at it: asks for the changing part of the page until it no longer changes.
"use strict";
addEventListener("DOMContentLoaded", () => {
  const part = document.querySelector("[data-import]");
  const busy = () => part.querySelector("[data-busy]");

  async function look() {
    try {
      const answer = await fetch(part.dataset.import, { signal: AbortSignal.timeout(10000) });
      if (answer.ok) part.innerHTML = await answer.text();
    } catch { /* the next look may succeed */ }
    if (busy()) setTimeout(look, 1000);
  }

  if (busy()) setTimeout(look, 500);
});

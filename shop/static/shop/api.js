// Sends the forms that plain HTML cannot: PUT, PATCH and DELETE, and bodies that are JSON.
"use strict";

const freshKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
const keys = new WeakMap(); // one Idempotency-Key for each form, so that a second click is the same request

function keyOf(form) {
  if (!keys.has(form)) keys.set(form, freshKey());
  return keys.get(form);
}

function asked(form) {
  const headers = { Accept: "text/html", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value, "Idempotency-Key": keyOf(form) };
  const content = form.elements._content;
  if (!content) return { headers };
  return { headers: { ...headers, "Content-Type": form.elements._content_type.value }, body: content.value };
}

/** Shows the answer in place of this page's content. */
async function send(form) {
  const response = await fetch(location.href, { method: form.dataset.method, ...asked(form) });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const main = page.querySelector("main");
  if (!main) throw new Error(`${response.status}: an answer that is no page`);
  document.querySelector("main").replaceWith(document.adoptNode(main));
  document.title = page.title;
  scrollTo(0, 0);
  document.querySelector("h1").focus();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.method) return;
  event.preventDefault();
  if (form.dataset.confirm && !confirm(form.dataset.confirm)) return;
  send(form).catch((error) => (form.querySelector("[role=alert]").textContent = `Not sent, or not answered: ${error.message}`));
});

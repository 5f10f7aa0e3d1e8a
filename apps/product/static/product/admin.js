// The product page: rows and pictures that are added, put in order by dragging or by buttons, and uploaded at once.
"use strict";
(() => {
  const items = (list) => [...list.querySelectorAll(":scope > [data-item]")];

  // The order of the page is what the hidden numbers say when it is saved.
  function number(list) {
    items(list).forEach((item, index) => {
      item.querySelector("[data-order]").value = index + 1;
      item.querySelectorAll("[data-move]").forEach((button) => {
        button.setAttribute("aria-label", button.getAttribute("aria-label").replace(/(\d+|__number__)/, index + 1));
      });
    });
  }

  function move(button) {
    const item = button.closest("[data-item]");
    const other = button.dataset.move < 0 ? item.previousElementSibling : item.nextElementSibling;
    if (!other) return;
    if (button.dataset.move < 0) other.before(item);
    else other.after(item);
    number(item.parentElement);
    button.focus();
  }

  function drag(list) {
    let dragged = null;
    list.addEventListener("dragstart", (event) => {
      const handle = event.target.closest?.("[data-handle]");
      if (!handle) return;
      dragged = handle.closest("[data-item]");
      dragged.classList.add("product-dragged");
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", "");
      event.dataTransfer.setDragImage(dragged, 20, 20);
    });
    list.addEventListener("dragover", (event) => {
      if (!dragged) return;
      event.preventDefault();
      const over = event.target.closest("[data-item]");
      if (!over || over === dragged) return;
      const all = items(list);
      if (all.indexOf(over) < all.indexOf(dragged)) over.before(dragged);
      else over.after(dragged);
    });
    list.addEventListener("drop", (event) => dragged && event.preventDefault());
    list.addEventListener("dragend", () => {
      dragged?.classList.remove("product-dragged");
      dragged = null;
      number(list);
    });
  }

  // A row made of the section's template, under the next index of its formset.
  function add(section) {
    const total = section.querySelector("input[name$=-TOTAL_FORMS]");
    const made = document.createElement("template");
    made.innerHTML = section.querySelector("template[data-empty]").innerHTML.replaceAll("__prefix__", total.value);
    total.value = Number(total.value) + 1;
    const item = made.content.querySelector("[data-item]");
    const list = section.querySelector("[data-sortable]");
    list.append(item);
    number(list);
    return item;
  }

  function addPicture(section, picture) {
    const item = add(section);
    const initial = section.querySelector("input[name$=-INITIAL_FORMS]");
    initial.value = Number(initial.value) + 1; // it is a row of the database already
    item.querySelector("input[name$=-id]").value = picture.id;
    item.querySelector("img").src = picture.thumbnail;
    const place = items(item.parentElement).length;
    for (const select of document.querySelectorAll("select[name$=-picture]")) select.add(new Option(`${place}.`, picture.id));
    const empty = document.querySelector("[data-rows=variants] template[data-empty]")?.content.querySelector("select[name$=-picture]");
    empty?.add(new Option(`${place}.`, picture.id));
  }

  async function send(section, file) {
    const body = new FormData();
    body.append("pictures", file);
    body.append("csrfmiddlewaretoken", document.querySelector("input[name=csrfmiddlewaretoken]").value);
    const answer = await fetch(section.dataset.upload, { method: "POST", body });
    const said = await answer.json().catch(() => ({}));
    if (!said.pictures) throw new Error(said.error || "No answer just now. Try again.");
    for (const picture of said.pictures) addPicture(section, picture);
  }

  // One after another, so that they come in the order in which they were chosen.
  async function upload(section, files) {
    const line = section.querySelector("[data-said]");
    const refused = [];
    for (const [index, file] of files.entries()) {
      line.textContent = `Uploading ${index + 1} of ${files.length}: ${file.name}`;
      try {
        await send(section, file);
      } catch (error) {
        refused.push(`${file.name}: ${error.message}`);
      }
    }
    line.textContent = refused.length ? refused.join(" ") : `${files.length} uploaded.`;
    line.classList.toggle("desk-error", refused.length > 0);
  }

  function take(section, input) {
    const line = section.querySelector("[data-said]");
    if (!section.dataset.upload) {
      line.textContent = `${[...input.files].map((file) => file.name).join(", ")}: saved with the product.`;
      return;
    }
    const files = [...input.files];
    input.value = "";
    upload(section, files);
  }

  function drop(zone) {
    const section = zone.closest("section");
    const input = zone.querySelector("input[type=file]");
    zone.addEventListener("dragover", (event) => {
      event.preventDefault();
      zone.classList.add("product-over");
    });
    zone.addEventListener("dragleave", () => zone.classList.remove("product-over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("product-over");
      if (!event.dataTransfer.files.length) return;
      input.files = event.dataTransfer.files;
      take(section, input);
    });
  }

  // Each variant has a field for each option that has a name.
  function nameOptions() {
    document.querySelectorAll("[name^=option_]").forEach((input) => {
      const column = input.name.slice("option_".length);
      const label = (root) =>
        root.querySelectorAll(`[data-option="${column}"]`).forEach((cell) => {
          cell.hidden = !input.value.trim();
          cell.querySelector("span").textContent = input.value;
        });
      label(document);
      document.querySelectorAll("template[data-empty]").forEach((template) => label(template.content));
    });
  }

  async function decide(form, button) {
    const body = new FormData(form);
    body.append(button.name, button.value);
    const answer = await fetch(form.action, { method: "POST", body, headers: { "X-Requested-With": "fetch" } });
    if (!answer.ok) return form.submit();
    document.querySelector("[data-reviews]").outerHTML = await answer.text();
    document.querySelector("[data-reviews] h2").scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-drop] input[type=file]") || !event.target.files.length) return;
    take(event.target.closest("section"), event.target);
  }, true); // desk.js lets none through
  document.addEventListener("click", (event) => {
    const mover = event.target.closest("[data-move]");
    if (mover) move(mover);
    const adder = event.target.closest("[data-add]");
    if (adder) add(adder.closest("[data-rows]")).querySelector("input:not([type=hidden])").focus();
  });
  document.addEventListener("input", (event) => {
    if (event.target.name?.startsWith("option_")) nameOptions();
  });
  document.addEventListener("change", (event) => {
    if (event.target.name?.endsWith("-DELETE")) {
      event.target.closest("[data-item]").classList.toggle("product-going", event.target.checked);
    }
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-decide]")) return;
    event.preventDefault();
    decide(event.target, event.submitter);
  });
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-sortable]").forEach((list) => {
      drag(list);
      number(list);
    });
    document.querySelectorAll("[data-drop]").forEach(drop);
    nameOptions();
  });
})();

// One focused input: a barcode reader types and presses Enter. Each code becomes a line; the same again adds one.
// The catalogue is asked what a code is: it knows barcodes and names. Without its answer a code counts as a SKU.
"use strict";
addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("[data-scan]");
  const scan = form.querySelector("#scan");
  const rows = form.querySelector("[data-rows]");
  const sum = form.querySelector("[data-sum]");
  const known = new Map(); // code -> { sku, name }
  const asking = new Set(); // questions on their way: until they are answered nothing is sent

  const skuOf = (row) => row.querySelector("[name=sku]");
  const unitsOf = (row) => row.querySelector("[name=units]");
  const numberOf = (row) => Number(unitsOf(row).value) || 0;
  const find = (sku) => [...rows.children].find((row) => skuOf(row).value === sku);

  const blank = rows.querySelector("tr").cloneNode(true);
  skuOf(blank).setAttribute("value", "");
  blank.querySelector(".desk-error")?.remove();

  function count() {
    const filled = [...rows.children].filter((row) => skuOf(row).value.trim());
    const units = filled.reduce((all, row) => all + numberOf(row), 0);
    sum.textContent = filled.length ? `${filled.length} SKU${filled.length === 1 ? "" : "s"}, ${units} units` : "";
  }

  async function ask(code) {
    if (known.has(code)) return known.get(code);
    let found = { sku: code, name: "" };
    try {
      const answer = await deskFetch(form.dataset.names + encodeURIComponent(code), 3000);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const told = page.querySelector("[data-sku]");
      if (answer.ok && told) found = { sku: told.dataset.sku, name: told.textContent.trim() };
      else if (answer.status === 404) found.name = "not in the catalogue";
    } catch {
      return { ...found, name: "the catalogue does not answer: taken as a SKU" }; // asked again at the next scan
    }
    known.set(code, found);
    return found;
  }

  function add(sku) {
    const same = find(sku);
    if (same) {
      unitsOf(same).value = numberOf(same) + 1;
      return same;
    }
    const row = find("") || blank.cloneNode(true);
    skuOf(row).value = sku;
    unitsOf(row).value = 1;
    rows.prepend(row);
    return row;
  }

  function name(row, code) {
    const question = ask(code).then((found) => show(row, code, found));
    asking.add(question);
    question.finally(() => asking.delete(question));
  }

  function show(row, code, found) {
    const other = find(found.sku);
    if (found.sku !== code && other && other !== row) {
      // A barcode of a SKU that has a line: its units go there.
      unitsOf(other).value = numberOf(other) + numberOf(row);
      row.remove();
      row = other;
    }
    skuOf(row).value = found.sku;
    row.querySelector("[data-name]").textContent = found.name;
    count();
  }

  scan.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const code = scan.value.trim();
    scan.value = "";
    if (!code) return;
    const row = add(known.get(code)?.sku || code);
    count();
    name(row, code);
  });
  rows.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    scan.focus();
  });
  rows.addEventListener("input", count);
  rows.addEventListener("click", (event) => {
    const row = event.target.closest("[data-remove]")?.closest("tr");
    if (!row) return;
    row.remove();
    if (!rows.children.length) rows.append(blank.cloneNode(true));
    count();
    scan.focus();
  });
  form.addEventListener("submit", async (event) => {
    if (!asking.size) return;
    event.preventDefault();
    await Promise.all(asking);
    form.requestSubmit();
  });

  for (const row of [...rows.children]) if (skuOf(row).value) name(row, skuOf(row).value);
  count();
});

// Places one guest's order through the public API and draws what happens to it.
"use strict";

const LIMIT_S = 60; // the demo's promise: delivered within a minute
const POLL_MS = 400;
const TRIES = 4; // of a request without an answer; orders carry a key, so a repeat is safe
const MAILS = 3; // confirmed, on its way, delivered
const MAIL_LIMIT_S = 15; // the mail is sent by a job of its own, after the event has arrived
const PLAN = [
  ["find", "Something that is in stock"],
  ["quote", "Quote"],
  ["confirmed", "Order confirmed"],
  ["shipped", "Shipped"],
  ["delivered", "Delivered"],
  ["mail", "Mail"],
  ["audit", "Audit"],
];
const ADDRESS = { name: "Demo Guest", line1: "1 Main Street", city: "Berlin", postal_code: "10115", country: "DE" };

const byId = (id) => document.getElementById(id);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const seconds = (s) => `${s.toFixed(s < 10 ? 2 : 1)} s`;
const money = (m) => `${m.amount} ${m.currency}`;

/** The shop said no, or said nothing: the message is for the reader. */
class Failed extends Error {}

/** One request as a guest: no cookies, so a signed-in browser still buys as a guest. Throws Failed. */
async function call(method, path, { body, headers = {} } = {}) {
  for (let left = TRIES; ; left--) {
    const answer = await once(method, path, body, headers);
    if (answer && (answer.status !== 503 || left <= 1)) return answer;
    if (left <= 1) throw new Failed("The shop does not answer. Is it still running?");
    await pause(1000);
  }
}

async function once(method, path, body, headers) {
  try {
    const response = await fetch(path, {
      method,
      credentials: "omit",
      cache: "no-store",
      headers: { Accept: "application/json", ...(body && { "Content-Type": "application/json" }), ...headers },
      body: body && JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  } catch {
    return null; // no answer, or not all of one
  }
}

function accepted(answer, what) {
  if (answer.status < 300) return answer.body;
  const problem = answer.body || {};
  throw new Failed(`${what} was refused (${answer.status} ${problem.title || ""}). ${problem.detail || ""}`.trim());
}

const randomKey = () => [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, "0")).join("");

/** The list of steps on the page: which is running, what each took, and its place in the whole. */
class Steps {
  constructor() {
    this.list = byId("steps");
    this.list.replaceChildren(...PLAN.map(([id, name]) => this.row(id, name)));
    this.list.hidden = false;
    this.began = performance.now();
    this.bars = [];
  }

  row(id, name) {
    const row = element("li", { id: `step-${id}`, className: "waiting" });
    row.append(
      element("p", { className: "name" }, element("span", {}, name), element("span", { className: "took" })),
      element("p", { className: "detail" }),
    );
    return row;
  }

  start(id, detail) {
    const row = byId(`step-${id}`);
    row.className = "running";
    row.setAttribute("aria-current", "step");
    row.querySelector(".detail").textContent = detail;
    this.running = { id, row, at: performance.now() };
  }

  tick() {
    byId("clock").textContent = seconds((performance.now() - this.began) / 1000);
    if (this.running) this.running.row.querySelector(".took").textContent = seconds((performance.now() - this.running.at) / 1000);
  }

  /** The running step is over. `took` is what the shop's own clock says, where it says anything. */
  done(detail, took) {
    const { row, at } = this.running;
    const now = performance.now();
    const s = took ?? (now - at) / 1000;
    this.finish("done", detail, seconds(s));
    const bar = element("i");
    row.append(element("span", { className: "track", ariaHidden: "true" }, bar));
    this.bars.push({ bar, from: now - s * 1000, to: now });
    this.scale(now);
    say(`${row.querySelector(".name span").textContent}: ${detail} ${seconds(s)}`);
  }

  failed(detail) {
    if (this.running) this.finish("failed", detail, "");
  }

  finish(state, detail, took) {
    const { row } = this.running;
    row.className = state;
    row.removeAttribute("aria-current");
    row.querySelector(".detail").textContent = detail;
    row.querySelector(".took").textContent = took;
    this.running = null;
  }

  /** Every bar starts and ends where its step did, on one scale. */
  scale(now) {
    const whole = now - this.began;
    for (const { bar, from, to } of this.bars) {
      bar.style.marginLeft = `${(Math.max(0, from - this.began) / whole) * 100}%`;
      bar.style.width = `${((to - Math.max(from, this.began)) / whole) * 100}%`;
    }
  }
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const say = (text) => (byId("said").textContent = text);

async function find(steps) {
  steps.start("find", "Asking the catalogue");
  const page = accepted(await call("GET", "/product/products?in_stock=true&limit=100"), "The list of products");
  if (!page.results.length) throw new Failed("Nothing is in stock. Receive some units in the admin, then press again.");
  const product = page.results[Math.floor(Math.random() * page.results.length)];
  const variant = product.variants.find((each) => each.available > 0); // the first may be sold out
  steps.done(`${product.name} (${variant.sku}) at ${money(variant.price)}.`);
  return variant;
}

async function ask(steps, variant, email) {
  steps.start("quote", "Price, shipping and tax are being frozen");
  const body = { email, shipping_method: "standard", shipping_address: ADDRESS, lines: [{ sku: variant.sku, quantity: 1 }] };
  const quote = accepted(await call("POST", "/order/quotes", { body }), "The quote");
  steps.done(`${money(quote.total)} with shipping, for ${email}.`);
  return quote;
}

async function place(steps, quote) {
  steps.start("confirmed", "Stock is being reserved, the card authorised");
  const answer = await call("POST", "/order/orders", {
    body: { quote: quote.id, payment: { token: "tok_always_ok" } },
    headers: { "Idempotency-Key": randomKey() },
  });
  return accepted(answer, "The order");
}

/** Follow the order's own timeline, step by step, to delivered. Throws Failed. */
async function follow(steps, order) {
  const path = `/order/orders/${order.number}`;
  const headers = { "X-Order-Token": order.access_token };
  const waiting = ["confirmed", "shipped", "delivered"];
  const doing = {
    shipped: "It can still be cancelled for a while; then the parcel is booked and the money taken",
    delivered: "The parcel is on its way",
  };
  let before = null;
  while (waiting.length) {
    const timeline = accepted(await call("GET", `${path}/timeline?limit=100`, { headers }), "The timeline");
    for (const row of timeline.results.filter((entry) => entry.to)) {
      if (row.to === "rejected" || row.to === "cancelled") throw new Failed(await reason(path, headers, row.to));
      if (row.to === "pending") before ??= Date.parse(row.at);
      if (row.to !== waiting[0]) continue;
      steps.done(await told(row.to, path, headers, order), (Date.parse(row.at) - before) / 1000);
      before = Date.parse(row.at);
      waiting.shift();
      if (waiting.length) steps.start(waiting[0], doing[waiting[0]]);
    }
    if ((performance.now() - steps.began) / 1000 > LIMIT_S) {
      throw new Failed(`Order ${order.number} is not delivered after ${LIMIT_S} s. It goes on by itself; is the worker running?`);
    }
    if (waiting.length) await pause(POLL_MS);
  }
}

async function reason(path, headers, state) {
  const order = accepted(await call("GET", path, { headers }), "The order");
  return `Order ${order.number} was ${state}: ${order.reason}.`;
}

async function told(state, path, headers, order) {
  if (state === "confirmed") return `Order ${order.number}: one unit is reserved, ${money(order.total)} authorised.`;
  const now = accepted(await call("GET", path, { headers }), "The order");
  const tracking = now.shipments.map((parcel) => parcel.tracking_number).join(", ");
  return state === "shipped" ? `The money is taken, the parcel ${tracking} with the carrier.` : `The carrier delivered ${tracking}.`;
}

async function mail(steps, email) {
  steps.start("mail", "Waiting for the mail");
  const path = `/notification/mailbox?to=${encodeURIComponent(email)}`;
  const end = performance.now() + MAIL_LIMIT_S * 1000;
  let found = [];
  while (found.length < MAILS && performance.now() < end) {
    found = accepted(await call("GET", path), "The mailbox").results;
    if (found.length < MAILS) await pause(POLL_MS);
  }
  const { row } = steps.running;
  steps.done(`${found.length} of ${MAILS} messages arrived at ${email}.`);
  row.append(...found.reverse().map((m) => element("details", {}, element("summary", {}, m.subject), element("pre", {}, m.text))));
  return found.length;
}

async function audit(steps) {
  steps.start("audit", "Comparing the books of all roles");
  let answer = await call("GET", "/demo-order/audit");
  for (let left = 20; answer.status === 503 && left; left--) {
    await pause(1000); // another page is asking
    answer = await call("GET", "/demo-order/audit");
  }
  const report = accepted(answer, "The audit");
  const texts = {
    clean: "Orders, stock, payments, shipments and the payment company agree on everything.",
    disagreement: `Not everything agrees: ${report.disagreements.join("; ")}`,
    incomplete: `Not everything could be read in time (make audit reads it all): ${report.unread.join("; ")}`,
  };
  steps.done(texts[report.verdict]);
  return report.verdict;
}

async function demo(steps) {
  const email = `demo-${randomKey().slice(0, 8)}@example.com`;
  const variant = await find(steps);
  const quote = await ask(steps, variant, email);
  const order = await place(steps, quote);
  await follow(steps, order);
  const took = seconds((performance.now() - steps.began) / 1000);
  const mails = await mail(steps, email);
  const verdict = await audit(steps);
  const endings = { clean: "every book agrees", disagreement: "the books do not agree", incomplete: "the audit could not finish" };
  return { good: verdict === "clean" && mails === MAILS, text: `Order ${order.number}: delivered after ${took}, ${mails} mails, ${endings[verdict]}.` };
}

function conclude({ good, text }) {
  const outcome = byId("outcome");
  outcome.className = `outcome ${good ? "good" : "bad"}`;
  outcome.textContent = text;
  outcome.hidden = false;
  say(text);
}

let busy = false;

async function pressed() {
  if (busy) return;
  busy = true;
  const button = byId("place");
  button.setAttribute("aria-disabled", "true"); // not disabled: it keeps the keyboard's focus
  button.textContent = "An order is on its way";
  byId("outcome").hidden = true;
  say("Placing a demo order.");
  const steps = new Steps();
  const ticking = setInterval(() => steps.tick(), 100);
  try {
    conclude(await demo(steps));
  } catch (error) {
    const text = error instanceof Failed ? error.message : `The page failed: ${error}`;
    steps.failed(text);
    conclude({ good: false, text });
  } finally {
    clearInterval(ticking);
    button.removeAttribute("aria-disabled");
    button.textContent = "Place another";
    busy = false;
  }
}

byId("place").addEventListener("click", pressed);

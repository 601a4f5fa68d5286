"use strict";
// Asks /status and /history every two seconds and shows what they tell. No markup is made from text: only nodes.
(() => {
  const EVERY = 2000, HIDDEN_EVERY = 10000, PATIENCE = 5000, HOUR = 3600, MINUTE = 60;

  // what was told last, and how far this machine's clock is behind the sidecar's
  let told = null, ahead = 0, heardAt = 0, goneSince = null, goneWhy = "";

  // ── nodes ──────────────────────────────────────────────────────────────────────────────────────────────
  const byId = (id) => document.getElementById(id);
  const filled = (node, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) if (value !== null) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };
  const el = (name, attributes = {}, ...children) => filled(document.createElement(name), attributes, children);
  const svg = (name, attributes = {}, ...children) =>
    filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

  const shown = new Map();
  /** Fill the node `id` anew if `facts`, what it is made of, are other ones: whoever reads it is not disturbed. */
  const fill = (id, facts, make) => {
    const key = JSON.stringify(facts);
    if (shown.get(id) === key) return;
    shown.set(id, key);
    byId(id).replaceChildren(...make());
  };
  const say = (id, text) => fill(id, text, () => [text]);

  // ── words ──────────────────────────────────────────────────────────────────────────────────────────────
  const plural = (count, word) => `${number(count)} ${word}${count === 1 ? "" : "s"}`;
  const number = (value) => String(value).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
  const iso = (milliseconds) => new Date(milliseconds).toISOString();
  const clock = (milliseconds) => iso(milliseconds).slice(11, 19);
  const day = (milliseconds) => iso(milliseconds).slice(0, 10);
  const instant = (text) => (text === null || text === undefined ? null : Date.parse(text));
  const moment = (milliseconds, now) =>
    day(milliseconds) === day(now) ? clock(milliseconds) : `${day(milliseconds)} ${clock(milliseconds).slice(0, 5)}`;
  const span = (milliseconds) => {
    const seconds = Math.max(0, Math.round(milliseconds / 1000));
    if (seconds < 90) return `${seconds} s`;
    if (seconds < 90 * MINUTE) return `${Math.round(seconds / MINUTE)} min`;
    if (seconds < 48 * HOUR) return `${Math.floor(seconds / HOUR)} h ${Math.round((seconds % HOUR) / MINUTE)} min`;
    return `${Math.floor(seconds / 86400)} days`;
  };
  const from = (milliseconds, now) =>
    milliseconds >= now ? `in ${span(milliseconds - now)}` : `${span(now - milliseconds)} ago`;
  /** Return a number in two digits at least, and no more than it needs. */
  const short = (value) => (value < 1 ? value.toFixed(2) : value < 10 ? value.toFixed(1) : String(Math.round(value)));
  const latency = (seconds) => {
    if (seconds === null) return "none";
    return seconds < 1 ? `${short(seconds * 1000)} ms` : `${short(seconds)} s`;
  };

  const STATES = {
    EMPTY: ["", "There is no token yet."],
    FRESH: ["ok", "The token is live."],
    RENEWABLE: ["ok", "The token is live, and due to be renewed."],
    EXPIRED: ["warning", "The token has run out."],
    MINTING: ["", "A new token is being fetched."],
    COOLING: ["warning", "The last try failed. The sidecar waits before the next one."],
    BLOCKED: ["error", "FinHub rejected the login. The sidecar waits, so as not to lock the account."],
  };
  const BLOCKED_ON_THE_WAY = "The proxy rejected its credentials. The sidecar waits, so as not to lock them.";
  const WHOSE = {
    sidecar: "The sidecar's",
    FinHub: "FinHub's",
    configuration: "The configuration's, here",
    network: "The network's, between here and FinHub",
  };
  const SEVERITIES = { error: "Error", warning: "Warning" };

  // ── the verdict ────────────────────────────────────────────────────────────────────────────────────────
  const worst = (problems) => {
    if (problems.some((problem) => problem.severity === "error")) return "error";
    return problems.length ? "warning" : "ok";
  };
  const verdict = (status, tone, count) => {
    if (tone === "error") return ["Not working", "What is wrong, whose fault it is, and what to do:"];
    if (tone === "warning") {
      return [`Working, with ${count > 1 ? `${count} warnings` : "a warning"}`, "What is wrong, whose fault it is, and what to do:"];
    }
    if (status.session.state === "MINTING" && status.session.expires_at === null) return ["Logging in", "Requests wait for the login that is on its way."];
    if (status.session.state === "EXPIRED" || status.session.expires_at === null) return ["All is well", "There is no session yet: the first request logs in."];
    return ["All is well", "Requests go to FinHub on a valid session. There is nothing to do."];
  };
  const problemCard = (problem) =>
    el("li", { class: "problem" },
      el("p", { class: "what" },
        el("span", { class: `tag ${problem.severity}` }, SEVERITIES[problem.severity] ?? problem.severity), " ", problem.tenant ? `${problem.tenant}: ` : "", problem.what),
      el("dl", {},
        el("dt", {}, "Whose fault"), el("dd", { class: "whose" }, WHOSE[problem.whose] ?? problem.whose),
        el("dt", {}, "What to do"), el("dd", {}, problem.remedy)));

  const goneCard = () => ({
    severity: "error",
    what: `Nothing answers here since ${clock(goneSince + ahead)} UTC: ${goneWhy}.`,
    whose: "This cannot be told from here",
    remedy: "Look whether the process runs, and at the end of its log; start it again. This page goes on by itself when the sidecar is back.",
  });

  const ICONS = { ok: "%230f6b45", warning: "%23c27a00", error: "%23b3241a", wait: "%2375828f" };
  const judge = (words, more, tone, problems) => {
    say("verdict-words", words);
    say("verdict-more", more);
    byId("verdict").dataset.tone = tone;
    fill("problems", problems, () => problems.map(problemCard));
    byId("problems").hidden = !problems.length;
    document.title = tone === "wait" ? "FinHub sidecar" : `${words} \u2013 FinHub sidecar`;
    const icon = `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><circle cx='8' cy='8' r='7' fill='${ICONS[tone]}'/></svg>`;
    if (byId("icon").getAttribute("href") !== icon) byId("icon").setAttribute("href", icon);
  };

  // ── the token's life ───────────────────────────────────────────────────────────────────────────────────
  /** Return the stretch of time to be drawn: the token's life, else the wait for the next try, else none. */
  const stretch = (session, more, now) => {
    const ends = instant(session.expires_at), begins = instant(more.minted_at);
    if (ends !== null && ends > now && begins !== null) {
      return { what: "token", begins, ends, renew: instant(session.renew_at), opens: instant(more.window_at) };
    }
    const tries = instant(more.tries_at);
    return tries === null ? null : { what: "wait", begins: instant(session.since), ends: tries };
  };
  const drawLife = (life, now) => {
    const at = (time) => `${(100 * Math.min(1, Math.max(0, (time - life.begins) / (life.ends - life.begins)))).toFixed(2)}%`;
    const share = parseFloat(at(now));
    const anchor = share < 8 ? "start" : share > 92 ? "end" : "middle";
    const parts = [
      svg("rect", { class: "track", x: 0, y: 22, width: "100%", height: 18, rx: 5 }),
      svg("rect", { class: "gone", x: 0, y: 22, width: at(now), height: 18, rx: 5 }),
    ];
    if (life.what === "token") {
      parts.unshift(svg("defs", {}, svg("pattern", { id: "stripes", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
        svg("line", { class: "stripe", x1: 0, y1: 0, x2: 0, y2: 6 }))));
      parts.push(svg("rect", { class: "window", x: at(life.opens), y: 22, width: `${100 - parseFloat(at(life.opens))}%`, height: 18, rx: 3 }));
      parts.push(svg("line", { class: "renew", x1: at(life.renew), x2: at(life.renew), y1: 18, y2: 44 }));
    }
    parts.push(svg("line", { class: "now", x1: at(now), x2: at(now), y1: 16, y2: 48 }));
    parts.push(svg("text", { x: at(now), y: 11, "text-anchor": anchor }, "now"));
    return parts;
  };
  const lifeWords = (life, now) => {
    const share = Math.round((100 * (now - life.begins)) / (life.ends - life.begins));
    if (life.what === "wait") return `The wait for the next try, ${share} % of it over: it comes at ${clock(life.ends)}.`;
    return `The token's life, ${share} % of it over: minted at ${moment(life.begins, now)}, may be renewed from ${moment(life.opens, now)} on, ` +
      `will be renewed at ${moment(life.renew, now)}, expires at ${moment(life.ends, now)}.`;
  };
  const keyEntry = (swatch, name, time, now) => [swatch, name, moment(time, now), from(time, now)];
  const keyNode = ([swatch, name, at, left]) =>
    el("li", {}, el("p", {}, el("span", { class: `swatch ${swatch}`, "aria-hidden": "true" }), name),
      el("p", {}, at, el("span", { class: "aside" }, " ", left)));
  const lifeKey = (life, now) => {
    if (life.what === "wait") return [keyEntry("soft", "Failed", life.begins, now), keyEntry("bar ink", "Next try", life.ends, now)];
    return [
      keyEntry("soft", "Minted", life.begins, now),
      keyEntry("hatch", "Renewal window", life.opens, now),
      keyEntry("bar main", "Renews", life.renew, now),
      keyEntry("bar ink", "Expires", life.ends, now),
    ];
  };

  const facts = (id, entries) =>
    fill(id, entries, () => entries.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));

  const showSession = (status, more, now) => {
    const session = status.session, [tone, words] = STATES[session.state] ?? ["", ""];
    say("state", session.state);
    byId("state").className = `word tone-${tone}`;
    say("state-more", session.state === "BLOCKED" && session.last_error?.status === 0 ? BLOCKED_ON_THE_WAY : words);
    const life = stretch(session, more, now);
    byId("life").style.display = life ? "" : "none";
    if (life) byId("life").setAttribute("aria-label", lifeWords(life, now));
    fill("life", life && [life, Math.floor(now / 1000)], () => (life ? drawLife(life, now) : []));
    const key = life ? lifeKey(life, now) : [];
    fill("life-key", key, () => key.map(keyNode));
    const entries = [["FinHub", status.upstream.url], ["Logins", number(session.mints.login)], ["Refreshes", number(session.mints.refresh)]];
    const tries = instant(more.tries_at);
    if (tries !== null && life?.what === "token") entries.unshift(["Next try to renew", `${clock(tries)}, ${from(tries, now)}`]);
    facts("session-facts", entries);
  };

  // ── several tenants ────────────────────────────────────────────────────────────────────────────────────
  const certificateOf = (identity) => {
    if (identity === null) return "none";
    return identity.days_left < 0 ? "expired" : `${plural(identity.days_left, "day")} left`;
  };
  const tenantRow = (session, now) => {
    const ends = instant(session.expires_at), tone = (STATES[session.state] ?? [""])[0];
    return el("tr", {}, el("th", { scope: "row" }, session.tenant),
      el("td", { class: tone ? `tone-${tone}` : null }, session.state), el("td", {}, ends === null ? "none" : moment(ends, now)),
      el("td", {}, certificateOf(session.identity)), el("td", {}, number(session.requests.in_flight)), el("td", {}, number(session.requests.total)));
  };
  const showTenants = (status, now) => {
    const sessions = status.sessions ?? [];
    byId("tenants").hidden = !sessions.length;
    say("session-title", sessions.length ? `Session of ${status.session.tenant}` : "Session");
    say("certificate-title", sessions.length ? `Client certificate of ${status.session.tenant}` : "Client certificate");
    const heads = ["Tenant", "Session", "Token until", "Client certificate", "In flight", "Requests"];
    fill("tenants-table", sessions, () => [
      el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, ...sessions.map((session) => tenantRow(session, now)))]);
  };

  const showCertificate = (identity) => {
    if (identity === null) {
      fill("certificate-days", null, () => [el("span", { class: "aside" }, "None is configured.")]);
      facts("certificate-facts", []);
      return;
    }
    const days = identity.days_left, tone = days < 1 ? "error" : days < 30 ? "warning" : "ok";
    fill("certificate-days", days, () => [
      el("span", { class: `word tone-${tone}` }, days < 0 ? "Expired" : plural(days, "day")), el("span", { class: "aside" }, days < 0 ? "" : "left")]);
    facts("certificate-facts", [["Valid until", `${day(instant(identity.not_after))} ${clock(instant(identity.not_after)).slice(0, 5)}`], ["Subject", identity.subject]]);
  };

  // ── the last hour ──────────────────────────────────────────────────────────────────────────────────────
  const NAMES = ["requests", "upstream_errors", "sidecar_errors", "refused", "replays"];
  /** Return `count` groups of slots, oldest first, each with its sums; `slots` is 0 where nobody was there to count. */
  const grouped = (history, now, count) => {
    const each = HOUR / count;
    const groups = Array.from({ length: count }, () => Object.fromEntries([["slots", 0], ["p99", null], ...NAMES.map((name) => [name, 0])]));
    for (const slot of history.slots) {
      const index = count - 1 - Math.floor((now - instant(slot.at)) / 1000 / each);
      const group = groups[index];
      if (!group) continue;
      group.slots += 1;
      for (const name of NAMES) group[name] += slot[name];
      if (slot.p99 !== null) group.p99 = Math.max(group.p99 ?? 0, slot.p99);
    }
    return groups;
  };
  const sum = (groups, name) => groups.reduce((total, group) => total + group[name], 0);
  const top = (values) => Math.max(...values, 0);

  const BAR = 6, HIGH = 84;
  const bars = (minutes, series) => {
    const highest = top(minutes.map((minute) => series.reduce((total, [name]) => total + minute[name], 0))) || 1;
    const parts = [];
    minutes.forEach((minute, index) => {
      if (!minute.slots) {
        parts.push(svg("rect", { class: "none", x: index * BAR, y: 0, width: BAR, height: HIGH }));
        return;
      }
      let y = HIGH;
      for (const [name, style] of series) {
        const height = minute[name] && Math.max(1.5, (minute[name] / highest) * (HIGH - 4));
        y -= height;
        if (height) parts.push(svg("rect", { class: style, x: index * BAR + 0.75, y, width: BAR - 1.5, height }));
      }
    });
    return parts;
  };
  const line = (slots, name, highest, now, style) => {
    let path = "", before = null;
    for (const slot of slots) {
      const value = slot[name], at = instant(slot.at);
      if (value === null) { before = null; continue; }
      const x = (60 * BAR * (1 - (now - at) / 1000 / HOUR)).toFixed(1), y = (HIGH - (value / highest) * (HIGH - 4)).toFixed(1);
      path += before !== null && at - before < 15000 ? `L${x} ${y}` : `M${x} ${y}h.01`;
      before = at;
    }
    return svg("path", { class: style, d: path });
  };
  const figure = (title, numbers, words, parts, axis) => {
    const id = `plot-${title.toLowerCase()}`;
    return el("figure", { "aria-labelledby": id },
      el("figcaption", {}, el("h3", { id }, title), el("p", {}, ...numbers.map(([style, text]) =>
        el("span", {}, ...(style ? [el("span", { class: `swatch ${style}`, "aria-hidden": "true" })] : []), text)))),
      svg("svg", { class: "plot", role: "img", "aria-label": words, viewBox: `0 0 ${60 * BAR} ${HIGH}`, preserveAspectRatio: "none" }, ...parts),
      el("p", { class: "axis", "aria-hidden": "true" }, el("span", {}, "1 hour ago"), el("span", {}, axis), el("span", {}, "now")));
  };
  const plots = (history, now) => {
    const minutes = grouped(history, now, 60), last = minutes[59];
    const total = Object.fromEntries(NAMES.map((name) => [name, sum(minutes, name)]));
    const most = (...names) => top(minutes.map((minute) => names.reduce((all, name) => all + minute[name], 0)));
    const told = history.slots.filter((slot) => slot.p50 !== null), newest = told.at(-1);
    const highest = top(told.map((slot) => slot.p99)) || 1;
    return [
      figure("Requests", [["", `${number(total.requests)} in the last hour`]],
        `Requests by minute: ${number(total.requests)} in the last hour, at most ${number(most("requests"))} in a minute, ${number(last.requests)} in the last one.`,
        bars(minutes, [["requests", "main"]]), `at most ${number(most("requests"))} in a minute`),
      figure("Errors",
        [["finhub", `${number(total.upstream_errors)} FinHub's`], ["ours", `${number(total.sidecar_errors)} the sidecar's`], ["refused", `${number(total.refused)} refused`]],
        `Errors by minute and source: in the last hour ${number(total.upstream_errors)} were FinHub's, ${number(total.sidecar_errors)} the sidecar's, and ${plural(total.refused, "request")} of local callers refused.`,
        bars(minutes, [["upstream_errors", "finhub"], ["sidecar_errors", "ours"], ["refused", "refused"]]),
        `at most ${number(most("upstream_errors", "sidecar_errors", "refused"))} in a minute`),
      figure("Latency", [["main", `p50 ${latency(newest?.p50 ?? null)}`], ["ours", `p99 ${latency(newest?.p99 ?? null)}`]],
        `Latency over the last hour: last the median was ${latency(newest?.p50 ?? null)} and the 99th percentile ${latency(newest?.p99 ?? null)}; its highest was ${latency(told.length ? highest : null)}.`,
        [...bars(minutes, []), line(history.slots, "p99", highest, now, "p99"), line(history.slots, "p50", highest, now, "p50")],
        told.length ? `at most ${latency(highest)}` : "no requests"),
      figure("Replays", [["", `${number(total.replays)} in the last hour`]],
        `Requests sent once more, by minute: ${number(total.replays)} in the last hour, at most ${number(most("replays"))} in a minute.`,
        bars(minutes, [["replays", "main"]]), `at most ${number(most("replays"))} in a minute`),
    ];
  };
  const COLUMNS = [["requests", "Requests"], ["upstream_errors", "FinHub's errors"], ["sidecar_errors", "Sidecar's errors"], ["refused", "Refused"], ["replays", "Replays"]];
  const table = (history, now) => {
    const rows = grouped(history, now, 12).map((group, index) => {
      const begins = now - (12 - index) * 300000;
      const cells = group.slots
        ? [...COLUMNS.map(([name]) => number(group[name])), latency(group.p99)].map((cell) => el("td", {}, cell))
        : [el("td", { colspan: COLUMNS.length + 1 }, "no data")];
      return el("tr", {}, el("th", { scope: "row" }, clock(begins).slice(0, 5)), ...cells);
    });
    return [
      el("caption", {}, "Five minutes to a row, from the time on that it begins with; p99 is that of its worst ten seconds."),
      el("thead", {}, el("tr", {}, ...["From", ...COLUMNS.map(([, title]) => title), "Latency p99"].map((title) => el("th", { scope: "col" }, title)))),
      el("tbody", {}, ...rows.reverse()),
    ];
  };
  const showHour = (status, history, now) => {
    facts("now-facts", [
      ["In flight", number(status.requests.in_flight)], ["Connections to FinHub in use", number(status.upstream.connections)],
      ["Requests since the start", number(status.requests.total)]]);
    const key = [history.slots.at(-1)?.at, history.slots.length, Math.floor(now / 10000)];
    fill("plots", key, () => plots(history, now));
    byId("gaps").hidden = history.slots.length >= 355;
    fill("table", key, () => table(history, now));
  };

  // ── events ─────────────────────────────────────────────────────────────────────────────────────────────
  const eventEntry = (event, now) =>
    el("li", {}, el("time", { datetime: event.at, title: event.at }, moment(instant(event.at), now)),
      el("p", { class: "words" }, ...(event.level in SEVERITIES ? [el("span", { class: `tag ${event.level}` }, SEVERITIES[event.level]), " "] : []), event.event),
      // What to do about it stands above for as long as it is wrong.
      el("p", { class: "members" }, Object.entries(event.members).filter(([name]) => name !== "remedy").map(([name, value]) => `${name} ${value}`).join(" \u00b7 ")));
  const showEvents = (events, now) =>
    fill("events", [events, day(now)], () => (events.length ? [...events].reverse().map((event) => eventEntry(event, now)) : [el("li", { class: "quiet" }, "None yet.")]));

  // ── all of it ──────────────────────────────────────────────────────────────────────────────────────────
  const show = () => {
    if (goneSince !== null) {
      const since = Date.now() - goneSince;
      byId("pulse").dataset.tone = "bad";
      say("pulse-words", `No answer for ${span(since)}`);
      judge("The sidecar does not answer", told ? `What stands below is as it was at ${clock(heardAt)}.` : "", "error", [goneCard()]);
      byId("told").classList.add("stale");
      return;
    }
    if (told === null) return;
    const { status, history } = told, now = Date.now() + ahead, problems = status.problems ?? [];
    const tone = worst(problems);
    byId("pulse").dataset.tone = "ok";
    say("pulse-words", "Live");
    byId("told").classList.remove("stale");
    byId("told").hidden = false;
    say("where", [status.environment, status.sessions ? plural(status.sessions.length, "tenant") : status.session.tenant && `tenant ${status.session.tenant}`, `callers at ${status.listen}`].filter(Boolean).join(" \u00b7 "));
    say("version", `Version ${status.version}. `);
    judge(...verdict(status, tone, problems.length), tone, problems);
    showTenants(status, now);
    showSession(status, history.session, now);
    showCertificate(status.identity);
    showHour(status, history, now);
    showEvents(history.events, now);
  };

  const ask = async (path) => {
    const reply = await fetch(path, { cache: "no-store", credentials: "omit", redirect: "error", signal: AbortSignal.timeout(PATIENCE) });
    if (!reply.ok) throw new Error(`${path} was answered ${reply.status}`);
    return reply.json();
  };
  const why = (error) => {
    if (error.name === "TimeoutError") return "it takes the connection, but does not reply";
    return error instanceof TypeError ? "no connection" : error.message;
  };
  let timer = 0, asking = false;
  const poll = async () => {
    if (asking) return;
    asking = true;
    try {
      const [status, history] = await Promise.all([ask("status"), ask("history")]);
      ahead = instant(history.now) - Date.now();
      heardAt = instant(history.now);
      told = { status, history };
      goneSince = null;
    } catch (error) {
      goneSince ??= Date.now();
      goneWhy = why(error);
    }
    asking = false;
    show();
    timer = setTimeout(poll, document.hidden ? HIDDEN_EVERY : EVERY);
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    clearTimeout(timer);
    poll();
  });
  setInterval(show, 1000);
  poll();
})();

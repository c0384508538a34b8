"use strict";
// The queries of a track: filters, pages, and the clips of one query; the state is in the hash.
(() => {
  const find = (id) => document.getElementById(id);
  const table = JSON.parse(find("data").textContent);
  const { items, runs, sources, positives } = table;
  const form = find("query-filters");
  const explorer = find("explorer");
  const body = find("query-rows");
  const count = find("query-count");
  const pages = find("query-pages");
  const detail = find("query-detail");
  const outline = find("outline");
  const PAGE = 50, SPANS = 160;
  const state = new URLSearchParams(location.hash.slice(1));
  let shown = [], page = 0, selected = -1;

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  const fact = (text) => make("p", { class: "facts" }, text);
  const verdict = (...text) => make("p", { class: "verdict" }, ...text);
  const textOf = (item) => items.texts?.[item] || items.ids[item];
  // A source may be asked several times: the first query has its id as key, the others a number.
  const numbers = new Map();
  const keys = sources.map((item, query) => {
    const id = items.ids[item];
    const key = numbers.has(id) ? `${id}~${query}` : id;
    numbers.set(key, query);
    return key;
  });
  const searched = sources.map((item, query) => [item, ...positives[query]]
    .map((name) => `${items.ids[name]} ${items.texts?.[name] ?? ""}`).join(" ").toLowerCase());

  const low = (run, query) => run.ranks[query];
  const high = (run, query) => run.ties[query] ?? low(run, query);
  const middle = (run, query) => (low(run, query) + high(run, query)) / 2;
  const isScored = (run, query) => low(run, query) !== null;
  const difficulty = sources.map((_, query) => {
    const scored = runs.filter((run) => isScored(run, query));
    const sum = scored.reduce((total, run) => total + 1 / middle(run, query), 0);
    return scored.length ? sum / scored.length : 1;
  });
  const formatRank = (run, query) => {
    if (!isScored(run, query)) return "";
    if (high(run, query) !== low(run, query)) return `${low(run, query)}-${high(run, query)}`;
    return low(run, query) === 1 ? "✓ 1" : String(low(run, query));
  };

  const findRun = (name) => runs.find((run) => run.id === form.elements[name]?.value) ?? runs[0];
  const filter = () => {
    const a = findRun("a"), b = findRun("b"), show = form.elements.show.value;
    const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    shown = sources.map((_, query) => query).filter((query) => {
      if (!words.every((word) => searched[query].includes(word))) return false;
      if (show === "wrong") return isScored(a, query) && high(a, query) > 1;
      if (show === "won") {
        return isScored(a, query) && isScored(b, query) && middle(a, query) < middle(b, query);
      }
      return true;
    });
    if (form.elements.order.value) shown.sort((x, y) => difficulty[x] - difficulty[y] || x - y);
    page = Math.max(0, Math.floor(shown.indexOf(selected) / PAGE));
    drawRows();
  };
  const drawRows = () => {
    const first = page * PAGE, visible = shown.slice(first, first + PAGE);
    body.replaceChildren(...visible.map((query) => {
      const button = make("button", { type: "button", "data-query": query }, textOf(sources[query]));
      if (query === selected) button.setAttribute("aria-current", "true");
      const cells = runs.map((run) => {
        const rank = formatRank(run, query);
        return make("td", { class: rank === "✓ 1" ? "number right" : "number" }, rank);
      });
      return make("tr", {}, make("th", { scope: "row" }, button),
        make("td", { class: "answer" }, positives[query].map((item) => items.ids[item]).join(", ")), ...cells);
    }));
    const last = first + visible.length;
    count.textContent = shown.length
      ? `Queries ${first + 1} to ${last} of ${shown.length}` : "No query is like this.";
    if (shown.length < sources.length) count.textContent += `, of ${sources.length} in all`;
    pages.hidden = shown.length <= PAGE;
    const [previous, next] = pages.querySelectorAll("button");
    previous.disabled = page === 0;
    next.disabled = last >= shown.length;
  };

  const drawOutline = (digits) => {
    const svg = outline.content.firstElementChild.cloneNode(true), step = SPANS / digits.length;
    svg.firstElementChild.setAttribute("d", [...digits].map((digit, index) => {
      const half = Math.max(parseInt(digit, 36) / 2, 0.4);
      return `M${((index + 0.5) * step).toFixed(1)} ${18 - half}V${18 + half}`;
    }).join(""));
    return svg;
  };
  const play = (card, item) => {
    for (const video of detail.querySelectorAll("video")) video.pause();
    const video = make("video", { controls: "", preload: "none", playsinline: "", src: items.videos[item] });
    const message = make("p", { class: "warning", role: "alert" });
    const say = (text) => { message.textContent = text; };
    video.addEventListener("loadedmetadata", () => {
      if (!video.videoWidth) say("This browser does not show the picture of this file.");
    });
    video.addEventListener("error", () => {
      say("This clip does not play: the file is missing, or this browser cannot play it.");
    });
    video.addEventListener("timeupdate", () => {
      const isSilent = video.webkitAudioDecodedByteCount === 0 || video.mozHasAudio === false;
      if (video.currentTime > 0.5 && items.outlines[item] && isSilent && !video.muted) {
        say("This browser does not play the sound of this file.");
      }
    });
    card.querySelector(".play").replaceWith(video, message);
    video.focus();
    video.play()?.catch(() => {});  // an event says why
  };
  const makeCard = (item, isClip, mark) => {
    const card = make("div", { class: "card" });
    if (mark) card.append(mark);
    if (isClip && items.videos?.[item]) {
      const name = `Play ${items.ids[item]}`, source = items.frames[item];
      const picture = source ? make("img", { src: source, alt: "", loading: "lazy" }) : "";
      const button = make("button", { type: "button", class: "play", "aria-label": name }, picture, "▶");
      button.addEventListener("click", () => play(card, item));
      card.append(button);
      const digits = items.outlines[item];
      if (digits) card.append(drawOutline(digits));
      else card.append(fact(digits === "" ? "silent" : "no sound track"));
    } else if (isClip && items.videos) {
      const reason = items.problems[item] ?? "the data set that was opened does not have it";
      card.append(make("p", { class: "warning" }, `No clip: ${reason}.`));
    }
    card.append(make("p", {}, textOf(item)));
    if (items.captions?.[item]) card.append(fact(`Sound: ${items.captions[item]}`));
    if (textOf(item) !== items.ids[item]) card.append(fact(items.ids[item]));
    return card;
  };
  const makeRun = (run, query) => {
    const heading = make("h3", {}, run.label);
    if (!isScored(run, query)) {
      return [heading, fact("This run did not score the query.")];
    }
    const rank = formatRank(run, query), size = table.num_candidates[query];
    heading.append(make("span", { class: "facts" }, ` right answer at rank ${rank} of ${size}`));
    const top = run.top?.[query];
    if (!top) return [heading];
    const right = new Set(positives[query]);
    return [heading, make("ol", { class: "cards" }, ...top.map((item, index) => {
      const isRight = right.has(item), score = run.scores[query][index];
      const text = `${index + 1}. ${isRight ? "✓ right" : "✗ wrong"}`;
      const mark = verdict(text, make("span", { class: "facts" }, ` ${score}`));
      const card = makeCard(item, table.has_candidate_clips, mark);
      return make("li", { class: isRight ? "right" : "wrong" }, card);
    }))];
  };
  const drawDetail = () => {
    detail.hidden = selected < 0;
    explorer.classList.toggle("chosen", selected >= 0);
    if (selected < 0) return;
    const link = make("a", { href: `#${new URLSearchParams({ query: keys[selected] })}` }, "Link to this query");
    const answers = positives[selected].map((item) =>
      makeCard(item, table.has_candidate_clips, verdict("✓ right answer")));
    const query = makeCard(sources[selected], table.has_source_clips,
      verdict("Query"));
    detail.replaceChildren(make("h2", { tabindex: "-1" }, textOf(sources[selected])), link,
      make("div", { class: "cards large" }, query, ...answers),
      ...runs.flatMap((run) => makeRun(run, selected)));
  };

  const store = () => {
    for (const { name, value, options } of form.elements) {
      const isDefault = options ? [...options].findIndex((option) => option.defaultSelected) : 0;
      const usual = options ? options[Math.max(isDefault, 0)].value : "";
      if (value === usual) state.delete(name); else state.set(name, value);
    }
    if (selected >= 0) state.set("query", keys[selected]); else state.delete("query");
    const text = state.toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  };
  const select = (query) => {
    selected = query;
    for (const button of body.querySelectorAll("button")) {
      if (Number(button.dataset.query) === query) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    drawDetail();
    store();
  };
  const turn = (step) => {
    page += step;
    drawRows();
    body.querySelector("button")?.focus();
  };
  const restore = () => {
    for (const control of form.elements) {
      if (state.has(control.name)) control.value = state.get(control.name);
      if (control.selectedIndex === -1) control.selectedIndex = 0;
    }
    selected = numbers.get(state.get("query")) ?? -1;
    filter();
    drawDetail();
  };

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { filter(); store(); });
  body.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    select(Number(button.dataset.query));
    if (matchMedia("(max-width: 900px)").matches) detail.querySelector("h2").focus();
  });
  body.addEventListener("keydown", (event) => {
    const buttons = [...body.querySelectorAll("button")];
    const index = buttons.indexOf(event.target);
    const target = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (index < 0 || !buttons[target]) return;
    event.preventDefault();
    buttons[target].focus();
    select(Number(buttons[target].dataset.query));
  });
  pages.addEventListener("click", (event) => {
    if (event.target.dataset.step) turn(Number(event.target.dataset.step));
  });
  addEventListener("hashchange", () => {
    for (const name of [...state.keys()]) state.delete(name);
    for (const [name, value] of new URLSearchParams(location.hash.slice(1))) state.set(name, value);
    form.reset();
    restore();
  });
  form.hidden = false;
  restore();
})();

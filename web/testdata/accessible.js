// What the tests look for on a page beside what axe finds. Each returns what is wrong, in words; nothing is an empty
// list.
(() => {
  const CONTROLS = "a[href], button, input, select, textarea, summary";

  /** Says which element is meant. */
  const name = (e) => {
    const text = (e.getAttribute("aria-label") || e.textContent || "").trim().replace(/\s+/g, " ").slice(0, 30);
    return `<${e.localName}${e.id ? ` id=${e.id}` : ""}${e.className ? ` class=${e.className}` : ""}> ${text}`;
  };

  /** All elements of the page, those in shadows where their hosts are. */
  const everything = (root = document) => [...root.querySelectorAll("*")]
    .flatMap((e) => e.shadowRoot ? [e, ...everything(e.shadowRoot)] : [e]);

  const seen = (e) => e.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true });

  /** The element that has the focus, in whatever shadow it is. */
  const focused = () => {
    let e = document.activeElement;
    while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
    return e === document.body || e === document.documentElement ? null : e;
  };

  /** What sticks out at the right, where nobody scrolls to (WCAG 1.4.10). */
  const wide = () => {
    const root = document.documentElement;
    if (root.scrollWidth <= root.clientWidth) return [];
    const out = everything().filter((e) => seen(e) && e.getBoundingClientRect().right > root.clientWidth + 0.5);
    return [`the page is ${root.scrollWidth} px wide, in ${root.clientWidth}: ${out.slice(-3).map(name).join(", ")}`];
  };

  /** What is too small to hit (WCAG 2.5.8), but for links in a line of text, and what its label makes larger. */
  const small = () => everything().filter((e) => {
    if (!e.matches(`${CONTROLS}, [role=button], [role=tab]`) || !seen(e)) return false;
    if (e.matches("a") && getComputedStyle(e).display === "inline" && e.closest("p, li, dd, td, span")) return false;
    const size = (x) => { const r = x.getBoundingClientRect(); return Math.min(r.width, r.height); };
    return size(e) > 1 && Math.max(size(e), ...[...(e.labels ?? [])].map(size)) < 24;
  }).map((e) => `smaller than 24 px: ${name(e)}`);

  const rgb = (colour) => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
  const luminance = (colour) => colour.slice(0, 3).map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (a, b) => {
    const [x, y] = [luminance(a), luminance(b)].sort();
    return (y + 0.05) / (x + 0.05);
  };
  const parent = (e) => e.assignedSlot ?? e.parentElement ?? e.getRootNode().host;

  /** The colour behind an element. */
  const ground = (e) => {
    const layers = [];
    for (; e; e = parent(e)) {
      const colour = rgb(getComputedStyle(e).backgroundColor);
      layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reduceRight((below, colour) => over(colour, below), [255, 255, 255, 1]);
  };

  /** The element that is seen at a place, in whatever shadow it is. */
  const at = (x, y) => {
    let top = null;
    for (let next = document.elementFromPoint(x, y); next && next !== top;) {
      top = next;
      next = top.shadowRoot?.elementFromPoint(x, y) ?? null;
    }
    return top;
  };
  const inside = (e, of) => {
    while (e && e !== of) e = parent(e);
    return Boolean(e);
  };

  /** What is wrong with the element that the keyboard has come to (WCAG 2.4.7, 2.4.11, 1.4.11). */
  const stop = (e) => {
    const style = getComputedStyle(e);
    const wrong = [];
    const behind = ground(parent(e) ?? e);
    if (style.outlineStyle === "none" || style.outlineStyle !== "auto" && parseFloat(style.outlineWidth) < 2) {
      wrong.push(`no outline when focused: ${name(e)}`);
    } else if (style.outlineStyle !== "auto" && contrast(over(rgb(style.outlineColor), behind), behind) < 3) {
      wrong.push(`the outline is hard to see: ${name(e)}`);
    }
    const r = e.getClientRects()[0];
    if (r?.width > 1) {
      const [x, y] = [r.left + r.width / 2, r.top + Math.min(r.height / 2, innerHeight / 2)];
      const [top, label] = [at(x, y), [...(e.labels ?? [])].find((l) => inside(at(x, y), l))];
      if (!inside(top, e) && !label) {
        wrong.push(`focused, and behind something or out of sight: ${name(e)}, there is ${top && name(top)}`);
      }
    }
    return wrong;
  };

  /** What is filled in, and cannot be told from what is around it (WCAG 1.4.11). */
  const faint = () => everything().filter((e) => {
    const filled = e.matches("input:not([type=checkbox], [type=radio], [type=range]), select, textarea");
    if (!filled || !seen(e)) return false;
    const [behind, style] = [ground(parent(e)), getComputedStyle(e)];
    const edge = parseFloat(style.borderBottomWidth) >= 1 ? style.borderBottomColor : style.backgroundColor;
    return e.getBoundingClientRect().width > 1 && contrast(over(rgb(edge), behind), behind) < 3;
  }).map((e) => `the edge is hard to see: ${name(e)}`);

  /** The part of an element's first box that what it is in does not cut off. */
  const shown = (e) => {
    const first = e.getClientRects()[0];
    let r = first && { left: first.left, right: first.right, top: first.top, bottom: first.bottom };
    for (let p = parent(e); r && p; p = parent(p)) {
      if (getComputedStyle(p).overflowX === "visible" || getComputedStyle(p).display === "inline") continue;
      const cut = p.getBoundingClientRect();
      r = { left: Math.max(r.left, cut.left), right: Math.min(r.right, cut.right),
        top: Math.max(r.top, cut.top), bottom: Math.min(r.bottom, cut.bottom) };
    }
    return r;
  };

  /** What is to be clicked, and lies under something else when it is scrolled to. Behind a modal dialog nothing is. */
  const covered = () => everything().filter((e, _, all) => {
    const modal = all.find((other) => other.matches(":modal"));
    if (!e.matches(CONTROLS) || !seen(e) || e.disabled) return false;
    if (modal && !inside(e, modal)) return false;
    e.scrollIntoView({ block: "center", behavior: "instant" });
    const r = shown(e);
    if (!r || r.right - r.left <= 1 || r.right <= 0 || e.closest("[inert]")) return false;
    const top = at((r.left + r.right) / 2, (r.top + r.bottom) / 2);
    return !inside(top, e) && ![...(e.labels ?? [])].some((l) => inside(top, l));
  }).map((e) => `under something else: ${name(e)}`);

  /** The texts that are seen, in the order of the page, without those that only tell scripts and styles something. */
  const texts = (within = document.body) => [...within.shadowRoot?.childNodes ?? [], ...within.childNodes].flatMap((n) => {
    if (n.nodeType === Node.ELEMENT_NODE) return n.matches("script, style, noscript") ? [] : texts(n);
    return n.nodeType === Node.TEXT_NODE && n.data.trim() && within !== n.getRootNode().host && seen(within) ? [n] : [];
  });

  /** What is not seen in a text, and does something to what is around it: words.plain leaves none of it. */
  const hidden = () => [...texts().map((t) => t.data),
    ...everything().flatMap((e) => ["aria-label", "title", "alt", "placeholder"].map((a) => e.getAttribute(a) ?? "")),
    document.title,
  ].filter((text) => /(?![\n\t\u200C\u200D])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text))
    .map((text) => `has what is not seen: ${JSON.stringify(text.slice(0, 80))}`);

  const isolate = (e) => {
    while (e && !/isolate|plaintext/.test(getComputedStyle(e).unicodeBidi)) e = parent(e);
    return e;
  };
  const block = (e) => {
    while (e && /^(inline|contents)$/.test(getComputedStyle(e).display)) e = parent(e);
    return e;
  };

  /** Text that goes left on its line where it should go right, as overrides of direction make it do. */
  const turned = () => {
    const wrong = [];
    let last = null;
    for (const text of texts()) {
      const [of, own] = [block(text.parentElement), isolate(text.parentElement)];
      for (const { 0: word, index } of text.data.matchAll(/[\p{sc=Hebrew}\p{sc=Arabic}]+|[A-Za-z0-9]/gu)) {
        const range = document.createRange();
        range.setStart(text, index);
        range.setEnd(text, index + word.length);
        const rects = range.getClientRects();
        if (rects.length !== 1) continue; // hidden, or on two lines
        const now = { of, own, rect: rects[0], letters: /^[A-Za-z0-9]/.test(word), text: text.data.slice(0, 60) };
        const middle = (now.rect.top + now.rect.bottom) / 2;
        const beside = last?.of === of && last.rect.top < middle && middle < last.rect.bottom;
        // Letters from right to left turn what they share an isolate with, and may.
        const may = last?.own === own && last?.own?.localName === "bdi" && !(last.letters && now.letters);
        if (beside && !may && now.rect.left < last.rect.left - 1) {
          wrong.push(`goes left after ${last.text}: ${now.text}`);
        }
        last = now;
      }
    }
    return [...new Set(wrong)];
  };

  /** @type {Element[]} */
  let stops = [];
  /** @type {Element[]} */
  let order = [];

  /** Notes the element that the keyboard is at. The round is over when it comes to none, or to one that it was at. */
  const step = () => {
    const e = focused();
    if (!e || stops.includes(e)) return { over: true, wrong: [] };
    const wrong = stop(e);
    if (e.tabIndex > 0) wrong.push(`has a place of its own in the order: ${name(e)}`);
    const before = stops.at(-1);
    if (before && order.indexOf(before) > order.indexOf(e)) {
      wrong.push(`comes after ${name(before)}, and stands before it: ${name(e)}`);
    }
    if (before) {
      const [a, b] = [before.getBoundingClientRect(), e.getBoundingClientRect()];
      const up = b.bottom <= a.top && b.left < a.right && a.left < b.right;
      const left = b.right <= a.left && b.top < a.bottom && a.top < b.bottom;
      if (b.width > 1 && (up || left)) wrong.push(`is seen before ${name(before)}, and comes after it: ${name(e)}`);
    }
    stops.push(e);
    return { over: false, wrong };
  };

  return {
    step,
    /** What text that comes from outside has done to the page. */
    marred: () => [...wide(), ...hidden(), ...turned(), ...covered()],
    /** What is wrong with the page as it stands. */
    wrong: () => [...wide(), ...small(), ...faint()],
    /** Begins a round by keyboard at the top of the page. */
    begin: () => {
      [stops, order] = [[], everything()];
      focused()?.blur();
      scrollTo(0, 0);
      getSelection()?.setPosition(document.body, 0);
    },
    stops: () => stops.map(name),
    still: () => document.getAnimations().forEach((a) => {
      if (Number.isFinite(a.effect?.getComputedTiming().endTime)) a.finish();
    }),
  };
})()

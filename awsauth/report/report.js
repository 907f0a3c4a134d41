"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  const table = find("table");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row) => ({
    row,
    text: row.textContent.toLowerCase(),
    rights: Array.from(row.querySelectorAll("[data-right]"), (one) => one.dataset.right),
    source: row.dataset.source,
    found: row.cells[9].firstChild !== null,
  }));
  const [search, right, source, found, count] = ["search", "right", "source", "found", "count"].map(find);
  let waiting = 0;

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const one of rows) {
      const fits =
        words.every((word) => one.text.includes(word)) &&
        (!right.value || one.rights.includes(right.value)) &&
        (!source.value || one.source === source.value) &&
        (!found.checked || one.found);
      one.row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    count.textContent = `${shown} of ${rows.length} principals`;
    clearTimeout(waiting);
    waiting = setTimeout(draw, 150);
  }

  function sort(head, column) {
    const descending = head.getAttribute("aria-sort") === "ascending";
    const collator = new Intl.Collator("en", { numeric: true });
    const keyed = rows.map((one) => [one.row.cells[column].textContent.trim(), one.row]);
    // Empty cells come last in both directions.
    keyed.sort(([a], [b]) => (a === "") - (b === "") || collator.compare(a, b) * (descending ? -1 : 1));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    body.append(...keyed.map(([, row]) => row));
  }

  function showTarget() {
    const target = location.hash ? find(decodeURIComponent(location.hash.slice(1))) : null;
    const row = target && target.closest("#table tbody tr");
    if (row && row.hidden) {
      find("search").form.reset();
      filter();
    }
    if (target) target.scrollIntoView({ block: "center" });
  }

  // The graph: principals, what they belong to, and what that is bound to.
  const bound = new Map();
  let subject = "";
  for (const one of find("bindings") ? find("bindings").children : []) {
    if (one.tagName === "DT") bound.set((subject = one.textContent), { id: one.id, roles: new Set() });
    else bound.get(subject).roles.add(one.dataset.role);
  }

  function graph() {
    const columns = [new Map(), new Map(), new Map()];
    const edges = [];
    const node = (column, name, href, label = name) => {
      if (!columns[column].has(name)) columns[column].set(name, { column, name, label, href, y: 0, near: new Set(), all: [] });
      return columns[column].get(name);
    };
    const join = (from, to) => {
      if (from.near.has(to)) return;
      from.near.add(to);
      to.near.add(from);
      edges.push([from, to]);
    };
    for (const { row } of rows) {
      if (row.hidden) continue;
      const groups = Array.from(row.querySelectorAll(".group"), (one) => one.textContent);
      const policies = Array.from(row.querySelectorAll(".policy"), (one) => one.textContent);
      const username = `username ${row.cells[2].textContent}`;
      const subjects = groups.map((one) => `group ${one}`).concat(bound.has(username) ? [username] : []);
      if (!subjects.length && !policies.length) continue;
      const from = node(0, JSON.stringify([subjects, policies]), `#${row.id}`);
      from.all.push(row.cells[0].firstChild.textContent);
      for (const one of subjects) {
        const known = bound.get(one);
        const middle = node(1, one, known ? `#${known.id}` : `#${row.id}`, one.replace(/^group /, ""));
        join(from, middle);
        for (const role of known ? known.roles : []) join(middle, node(2, role, `#${known.id}`));
        if (one === "group system:masters") join(middle, node(2, "everything", `#${row.id}`));
      }
      for (const one of policies) join(from, node(2, one, `#${row.id}`));
    }
    const accounts = new Set(rows.map(({ row }) => row.cells[0].firstChild.textContent.split(":")[4]).filter(Boolean));
    const prefix = accounts.size > 1 ? /^arn:[^:]*:[a-z]+::/ : /^arn:[^:]*:[a-z]+::[^:]*:/;
    for (const one of columns[0].values()) {
      const short = one.all.map((arn) => arn.replace(prefix, ""));
      one.label = short.length > 2 ? `${short[0]} and ${short.length - 1} more` : short.join(", ");
    }
    return { columns: columns.map((column) => Array.from(column.values())), edges };
  }

  function place(columns, gap) {
    const settle = (column) => column.forEach((one, position) => (one.y = position));
    const mean = (one) => Array.from(one.near).reduce((sum, other) => sum + other.y / columns[other.column].length, 0) / (one.near.size || 1);
    columns.forEach(settle);
    // Each sweep moves a node next to its neighbors, so that fewer lines cross.
    for (let sweep = 0; sweep < 6; sweep += 1) {
      for (const column of sweep % 2 ? [columns[1], columns[0]] : [columns[1], columns[2]]) {
        const means = new Map(column.map((one) => [one, mean(one)]));
        column.sort((a, b) => means.get(a) - means.get(b));
        settle(column);
      }
    }
    const height = Math.max(...columns.map((column) => column.length)) * gap;
    for (const column of columns) {
      for (const one of column) one.y = 30 + ((one.y + 0.5) * height) / column.length;
    }
    return height + 40;
  }

  function draw() {
    const svg = find("graph");
    const { columns, edges } = graph();
    svg.replaceChildren();
    find("drawing").hidden = !columns[0].length;
    if (!columns[0].length) return;
    const make = (name, attributes, text = "") => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      made.textContent = text;
      return made;
    };
    const [width, xs, longest] = [1180, [400, 630, 860], [60, 28, 48]];
    const height = place(columns, 19);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("width", width);
    svg.setAttribute("height", height);
    ["Principals", "Groups and usernames", "Roles and access policies"].forEach((title, column) => {
      svg.append(make("text", { class: "title", x: xs[column], y: 16, "text-anchor": ["end", "middle", "start"][column] }, title));
    });
    const drawn = new Map();
    for (const [from, to] of edges) {
      const half = (one) => 8 + (one.column === 1 ? Math.min(one.label.length, longest[1]) * 3.4 : 0);
      const [x1, x2] = [xs[from.column] + half(from), xs[to.column] - half(to)];
      const middle = (x1 + x2) / 2;
      const path = make("path", { d: `M${x1} ${from.y}C${middle} ${from.y} ${middle} ${to.y} ${x2} ${to.y}` });
      drawn.set(path, [from, to]);
      svg.append(path);
    }
    for (const [column, nodes] of columns.entries()) {
      for (const one of nodes) {
        const most = longest[column];
        const label = one.label.length > most ? `${one.label.slice(0, most - 1)}\u2026` : one.label;
        const link = make("a", { href: one.href, class: ["principal", "group", "role"][column] });
        const x = xs[column];
        if (column !== 1) link.append(make("rect", { x: column ? x - 4 : x, y: one.y - 6, width: 4, height: 12 }));
        const anchor = ["end", "middle", "start"][column];
        link.append(make("text", { x: column ? x + (column === 2 ? 6 : 0) : x - 6, y: one.y + 4, "text-anchor": anchor }, label));
        link.append(make("title", {}, column ? one.name : one.all.join("\n")));
        const reach = reached(one);
        const choose = () => {
          svg.classList.add("chosen");
          for (const [path, ends] of drawn) path.classList.toggle("on", ends.every((end) => reach.has(end)));
          for (const other of svg.querySelectorAll("a")) other.classList.toggle("on", reach.has(other.node));
        };
        const leave = () => svg.classList.remove("chosen");
        link.node = one;
        for (const event of ["mouseenter", "focus"]) link.addEventListener(event, choose);
        for (const event of ["mouseleave", "blur"]) link.addEventListener(event, leave);
        svg.append(link);
      }
    }
  }

  // A node, and all that a way to the left or to the right leads to.
  function reached(start) {
    const all = new Set([start]);
    for (const step of [-1, 1]) {
      const left = [start];
      while (left.length) {
        const one = left.pop();
        for (const other of one.near) {
          if ((other.column - one.column) * step > 0 && !all.has(other)) {
            all.add(other);
            left.push(other);
          }
        }
      }
    }
    return all;
  }

  Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.dataset.name = head.textContent;
    button.addEventListener("click", () => sort(head, column));
    head.replaceChildren(button);
  });
  search.form.hidden = false;
  search.form.addEventListener("input", filter);
  search.form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", showTarget);
  filter();
  clearTimeout(waiting); // a second drawing would take the focus away from the first
  draw();
  showTarget();
})();

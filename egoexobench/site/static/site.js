"use strict";
// Sorts and filters tables that are complete without it; the state is in the hash of the address.
(() => {
  const state = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
  const form = document.querySelector("form[data-filters]");
  const store = () => {
    const text = state.toString();
    history.replaceState(null, "", text ? "#" + text : location.pathname + location.search);
  };
  const keep = (name, value) => {
    if (value) state.set(name, value); else state.delete(name);
  };

  const isShown = (row) => [...form.elements].every((control) => {
    if (control.type === "search") {
      return row.textContent.toLowerCase().includes(control.value.toLowerCase());
    }
    if (control.type === "checkbox" && !control.checked) return true;
    return !control.value || !control.name || row.dataset[control.name] === control.value;
  });
  const filter = () => {
    const rows = [...document.querySelectorAll("tr[data-row]")];
    for (const row of rows) row.hidden = !isShown(row);
    for (const block of document.querySelectorAll("[data-block]")) {
      block.hidden = !block.querySelector("tr[data-row]:not([hidden])");
    }
    const shown = rows.filter((row) => !row.hidden).length;
    form.querySelector("[data-count]").textContent =
      shown === rows.length ? "" : `${shown} of ${rows.length} rows shown`;
  };
  if (form) {
    form.hidden = false;
    for (const control of form.elements) {
      if (!control.name || !state.has(control.name)) continue;
      if (control.type === "checkbox") control.checked = true;
      else control.value = state.get(control.name);
    }
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", (event) => {
      const control = event.target;
      keep(control.name, control.type === "checkbox" ? control.checked && "yes" : control.value);
      store();
      filter();
    });
    filter();
  }

  const read = (row, column, isNumber) => {
    const cell = row.cells[column];
    if (!isNumber) return cell.textContent.trim().toLowerCase();
    const text = cell.dataset.value ?? cell.textContent;
    return text === "" ? null : Number(text);
  };
  const sort = (table, column, isDescending) => {
    const headers = [...table.tHead.rows[0].cells];
    const isNumber = headers[column].dataset.sort === "number";
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [read(row, column, isNumber), row]);
    rows.sort(([a], [b]) => {
      if (a === b) return 0;
      if (a === null || b === null) return a === null ? 1 : -1;  // empty cells last
      return (a < b ? -1 : 1) * (isDescending ? -1 : 1);
    });
    body.append(...rows.map(([, row]) => row));
    for (const header of headers) header.removeAttribute("aria-sort");
    headers[column].setAttribute("aria-sort", isDescending ? "descending" : "ascending");
  };
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    [...table.tHead.rows[0].cells].forEach((header, column) => {
      if (!header.dataset.sort) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => {
        const order = header.getAttribute("aria-sort");
        const isDescending = order ? order === "ascending" : header.dataset.sort === "number";
        sort(table, column, isDescending);
        keep("sort." + table.id, column + (isDescending ? "-" : ""));
        store();
      });
    });
    const stored = /^(\d+)(-?)$/.exec(state.get("sort." + table.id) ?? "");
    if (stored && stored[1] < table.tHead.rows[0].cells.length) {
      sort(table, Number(stored[1]), stored[2] === "-");
    }
  }

  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(source.value ?? source.textContent);
        button.textContent = "Copied";
      } catch {  // an address that is not secure has no clipboard
        if (source.select) source.select(); else getSelection().selectAllChildren(source);
        button.textContent = "Press Ctrl+C";
      }
    });
  }
})();

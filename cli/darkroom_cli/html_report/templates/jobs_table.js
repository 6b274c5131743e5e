// The list of jobs: filters, a search in everything that a job says, and an order by any column. 100 rows are made at a time.

const ROWS_AT_ONCE = 100;
const COLUMNS = [
  { title: "Key", value: (job) => job.key },
  { title: "Status", value: (job) => job.status },
  { title: "Provider", value: (job) => job.provider },
  { title: "Model", value: (job) => job.model },
  { title: "Label", value: (job) => job.label },
  { title: "USD", value: (job) => job.usd, isNumber: true },
  { title: "Uploaded (UTC)", value: (job) => job.created },
  { title: "Why", value: (job) => job.why },
];
const FILTERS = ["status", "provider", "model", "label", "code"];
const NO_VALUE = "(none)";
const MOST_OPTIONS = 300;

const searchedText = (job) =>
  [job.id, job.key, job.status, job.provider, job.model, job.label, job.code, job.why, job.price, ...job.settings.map((one) => one.join("="))]
    .join("\n")
    .toLowerCase();

const compared = (one, other) => {
  const isEmpty = (value) => value === null || value === "";
  if (isEmpty(one) || isEmpty(other)) return Number(isEmpty(one)) - Number(isEmpty(other));
  return one < other ? -1 : Number(one > other);
};

const jobsTable = (jobs, openJob) => {
  const texts = new Map(jobs.map((job) => [job, searchedText(job)]));
  const form = byId("filters");
  const body = byId("job-table").tBodies[0];
  const more = byId("more-jobs");
  let order = { column: COLUMNS.findIndex((one) => one.title.startsWith("Uploaded")), direction: -1 };
  let found = [];
  let made = 0;

  const row = (job) => {
    const opener = button("", () => openJob(job), { class: "open clamp", "aria-haspopup": "dialog" });
    opener.append(isolated(job.key));
    const cells = COLUMNS.slice(1).map((column) => {
      const value = column.value(job);
      const shown = value === null ? "" : column.isNumber ? rounded(value, value !== 0 && value < 0.01 ? 4 : 2) : value;
      const cell = make("td", { "data-name": column.title, class: column.isNumber ? "number" : undefined });
      if (shown === "") return cell;
      const text = isolated(shown);
      if (column.title === "Status") text.className = `status-${job.status}`;
      cell.append(column.isNumber ? text : make("div", { class: "clamp" }, text));
      return cell;
    });
    return make("tr", {}, make("th", { scope: "row" }, opener), ...cells);
  };

  const addRows = () => {
    const next = found.slice(made, made + ROWS_AT_ONCE);
    body.append(...next.map(row));
    made += next.length;
    more.hidden = made >= found.length;
  };

  const show = () => {
    const words = form.elements.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = FILTERS.map((name) => [name, form.elements[name].value]).filter(([, value]) => value !== "");
    found = jobs.filter(
      (job) =>
        wanted.every(([name, value]) => (job[name] || NO_VALUE) === value) &&
        words.every((word) => texts.get(job).includes(word)),
    );
    const { value } = COLUMNS[order.column];
    const isEmpty = (job) => value(job) === null || value(job) === "";
    found.sort((one, other) =>
      isEmpty(one) || isEmpty(other) ? compared(value(one), value(other)) : order.direction * compared(value(one), value(other)),
    );
    body.replaceChildren();
    made = 0;
    addRows();
    const usd = found.reduce((sum, job) => sum + (job.usd ?? 0), 0);
    byId("found").textContent = `${found.length.toLocaleString("en")} of ${jobs.length.toLocaleString("en")} jobs, ${rounded(usd, 2)} USD`;
  };

  const headers = COLUMNS.map((column, index) => {
    const header = make("th", { scope: "col", class: column.isNumber ? "number" : undefined });
    header.append(
      button(column.title, () => {
        order = { column: index, direction: order.column === index ? -order.direction : column.isNumber ? -1 : 1 };
        mark();
        show();
      }),
    );
    return header;
  });
  const mark = () =>
    headers.forEach((header, index) => {
      const isSorted = order.column === index;
      header.setAttribute("aria-sort", isSorted ? (order.direction > 0 ? "ascending" : "descending") : "none");
      header.firstChild.textContent = COLUMNS[index].title + (isSorted ? (order.direction > 0 ? " ↑" : " ↓") : "");
    });

  byId("job-table").tHead.rows[0].append(...headers);
  for (const name of FILTERS) {
    const values = [...new Set(jobs.map((job) => job[name] || NO_VALUE))].sort().slice(0, MOST_OPTIONS);
    form.elements[name].append(make("option", { value: "" }, "all"), ...values.map((value) => make("option", { value }, value.slice(0, 60))));
  }
  form.addEventListener("input", show);
  form.addEventListener("reset", () => setTimeout(show)); // the fields are empty after this event
  form.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", () => {
    const first = made;
    addRows();
    body.rows[first].querySelector("button").focus();
  });
  mark();
  show();
};

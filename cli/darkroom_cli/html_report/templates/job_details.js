// The dialog about one job: its picture before and after, what changed, its settings and what gave them, and what to do.

const tableOf = (title, heads, rows) => {
  const head = make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)));
  const body = rows.map(([name, ...cells]) =>
    make("tr", {}, make("th", { scope: "row" }, isolated(name)), ...cells.map((text) => make("td", {}, isolated(text)))),
  );
  const table = make("table", {}, make("thead", {}, head), make("tbody", {}, ...body));
  return [make("h3", {}, title), make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": title }, table)];
};

const factsOf = (job) => {
  const parts = [];
  if (job.why) parts.push(make("p", {}, isolated(`${job.status}: ${job.why}`)));
  if (job.cure) parts.push(make("h3", {}, "What to do"), make("p", {}, ...withCode(job.cure)));
  if (job.command) parts.push(make("p", { class: "command" }, make("code", {}, job.command)));
  if (job.changes) parts.push(...tableOf("What changed", ["What", "Before", "After"], job.changes));
  if (job.settings.length > 0) {
    const heads = job.settings[0].length > 2 ? ["Setting", "Value", "Given by"] : ["Setting", "Value"];
    parts.push(...tableOf("Settings", heads, job.settings));
    if (job.settingsNote) parts.push(make("p", { class: "small" }, job.settingsNote));
  }
  const about = [["Job", job.id], ["Status", job.status], ["Provider", job.provider], ["Model", job.model], ["Label", job.label]];
  parts.push(...tableOf("The job", ["What", "Value"], [...about.filter(([, value]) => value), ...job.facts]));
  return parts;
};

const jobDetails = (jobs) => {
  const dialog = byId("details");
  const pictured = jobs.filter((job) => job.picture !== undefined).sort((one, other) => one.picture - other.picture);
  const compare = pictureViewer();
  let current = null;

  const open = (job) => {
    current = job;
    const hasPicture = job.picture !== undefined && byId(`picture-${job.picture}`) !== null; // the page may still be loading
    byId("details-title").replaceChildren(isolated(job.key));
    byId("viewer").hidden = !hasPicture;
    byId("no-picture").hidden = !job.noPicture;
    byId("no-picture").textContent = job.noPicture ? `There is no preview: ${job.noPicture}.` : "";
    byId("facts").replaceChildren(...factsOf(job));
    const place = pictured.indexOf(job);
    byId("previous-picture").hidden = byId("next-picture").hidden = !hasPicture;
    byId("previous-picture").disabled = place <= 0;
    byId("next-picture").disabled = place >= pictured.length - 1;
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    if (hasPicture) compare(job);
  };

  byId("close-details").addEventListener("click", () => dialog.close());
  byId("previous-picture").addEventListener("click", () => open(pictured[pictured.indexOf(current) - 1]));
  byId("next-picture").addEventListener("click", () => open(pictured[pictured.indexOf(current) + 1]));
  return { open, pictured };
};

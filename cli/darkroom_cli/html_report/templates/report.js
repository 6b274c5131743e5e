// Starts the page: the list of jobs at once, and the gallery when all pictures are there.

const PICTURES_AT_ONCE = 24;

const gallery = (pictured, openJob) => {
  const list = byId("gallery");
  const more = byId("more-pictures");
  let made = 0;
  const tile = (job) => {
    const addresses = jsonOf(`picture-${job.picture}`);
    const image = make("img", { class: "thumb", alt: "", loading: "lazy", src: addresses.thumb ?? addresses.wholeAfter });
    const what = [job.model || job.provider, job.price].filter(Boolean).join(", ");
    const opener = button("", () => openJob(job), { "aria-haspopup": "dialog", title: job.key.slice(0, 200) });
    opener.append(image, make("bdi", { class: "name", title: job.key }, job.key.split("/").slice(-2).join("/")), make("bdi", { class: "what" }, what));
    return make("li", {}, opener);
  };
  const add = () => {
    list.append(...pictured.slice(made, made + PICTURES_AT_ONCE).map(tile));
    made = Math.min(made + PICTURES_AT_ONCE, pictured.length);
    more.hidden = made >= pictured.length;
  };
  more.addEventListener("click", () => {
    const first = made;
    add();
    list.children[first].querySelector("button").focus();
  });
  add();
};

const jobs = jsonOf("entries");
const details = jobDetails(jobs);
jobsTable(jobs, details.open);
if (byId("gallery") !== null) {
  document.addEventListener("DOMContentLoaded", () => gallery(details.pictured, details.open));
}

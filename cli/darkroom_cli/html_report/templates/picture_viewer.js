// One picture before and after, one over the other with a slider between them, or side by side on a small screen. Both move and
// grow together, so that they always show the same place at the same scale.

const MOST_ZOOM = 12;
const ZOOM_STEP = 1.25;
const MOVE_STEP = 40; // pixels an arrow key moves the picture

const pictureViewer = () => {
  const stage = byId("stage");
  const split = byId("split");
  const images = { before: byId("image-before"), after: byId("image-after") };
  let view = { zoom: 1, left: 0, top: 0 };
  let addresses = null;
  let drag = null;

  const draw = () => {
    const bound = (offset, side) => Math.max(Math.min(offset, (side * (view.zoom - 1)) / 2), (-side * (view.zoom - 1)) / 2);
    const isActual = stage.classList.contains("actual");
    if (!isActual) view = { ...view, left: bound(view.left, stage.clientWidth), top: bound(view.top, stage.clientHeight) };
    stage.style.setProperty("--zoom", view.zoom);
    stage.style.setProperty("--left", `${view.left}px`);
    stage.style.setProperty("--top", `${view.top}px`);
    stage.classList.toggle("zoomed", view.zoom > 1);
    byId("zoom-level").textContent = `${Math.round(view.zoom * 100)} %`;
    byId("zoom-out").disabled = view.zoom <= 1;
    byId("zoom-in").disabled = view.zoom >= MOST_ZOOM;
  };

  const zoomTo = (zoom, x = 0, y = 0) => {
    // (x, y) is the place that stays where it is, from the middle of the stage.
    const next = Math.max(1, Math.min(MOST_ZOOM, zoom));
    const factor = next / view.zoom;
    view = { zoom: next, left: x - (x - view.left) * factor, top: y - (y - view.top) * factor };
    if (next === 1) view = { zoom: 1, left: 0, top: 0 };
    draw();
  };

  const splitAt = (percent) => {
    split.value = Math.max(0, Math.min(100, percent));
    stage.style.setProperty("--split", `${split.value}%`);
    split.setAttribute("aria-valuetext", `${split.value} % before, ${100 - split.value} % after`);
  };

  const show = (part) => {
    const isActual = part === "crop";
    stage.classList.toggle("actual", isActual);
    images.before.src = isActual ? addresses.cropBefore : addresses.wholeBefore;
    images.after.src = isActual ? addresses.cropAfter : addresses.wholeAfter;
    byId("show-whole").setAttribute("aria-pressed", String(!isActual));
    byId("show-crop").setAttribute("aria-pressed", String(isActual));
    zoomTo(1);
  };

  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    const step = event.deltaY < 0 ? ZOOM_STEP : 1 / ZOOM_STEP;
    zoomTo(view.zoom * step, event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2);
  }, { passive: false });

  const isNearHandle = (event) => {
    const box = stage.getBoundingClientRect();
    return Math.abs(event.clientX - box.left - (box.width * split.value) / 100) < 20;
  };
  const splitHere = (event) => {
    const box = stage.getBoundingClientRect();
    splitAt(Math.round(((event.clientX - box.left) / box.width) * 100));
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    stage.setPointerCapture(event.pointerId);
    const isSlide = view.zoom === 1 || isNearHandle(event);
    drag = { isSlide, x: event.clientX - view.left, y: event.clientY - view.top };
    if (isSlide) splitHere(event);
  });
  stage.addEventListener("pointermove", (event) => {
    if (drag === null) return;
    if (drag.isSlide) {
      splitHere(event);
      return;
    }
    view = { ...view, left: event.clientX - drag.x, top: event.clientY - drag.y };
    draw();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, () => {
      drag = null;
    });
  }

  const KEYS = {
    "+": () => zoomTo(view.zoom * ZOOM_STEP),
    "=": () => zoomTo(view.zoom * ZOOM_STEP),
    "-": () => zoomTo(view.zoom / ZOOM_STEP),
    0: () => zoomTo(1),
    ArrowLeft: () => move(MOVE_STEP, 0),
    ArrowRight: () => move(-MOVE_STEP, 0),
    ArrowUp: () => move(0, MOVE_STEP),
    ArrowDown: () => move(0, -MOVE_STEP),
  };
  const move = (x, y) => {
    view = { ...view, left: view.left + x, top: view.top + y };
    draw();
  };
  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS)) return;
    event.preventDefault();
    KEYS[event.key]();
  });

  split.addEventListener("input", () => splitAt(split.value));
  byId("zoom-in").addEventListener("click", () => zoomTo(view.zoom * ZOOM_STEP));
  byId("zoom-out").addEventListener("click", () => zoomTo(view.zoom / ZOOM_STEP));
  byId("zoom-reset").addEventListener("click", () => zoomTo(1));
  byId("show-whole").addEventListener("click", () => show("whole"));
  byId("show-crop").addEventListener("click", () => show("crop"));

  return (job) => {
    addresses = jsonOf(`picture-${job.picture}`);
    stage.style.setProperty("--crop-width", `${job.crop[0]}px`);
    stage.style.setProperty("--crop-height", `${job.crop[1]}px`);
    images.before.alt = `Before: ${job.key.slice(0, 200)}`;
    images.after.alt = `After: ${job.key.slice(0, 200)}`;
    splitAt(50);
    show("whole");
  };
};

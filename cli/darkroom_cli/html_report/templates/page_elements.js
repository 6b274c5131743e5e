// Finds and makes elements. Texts from jobs become text nodes or values of attributes here, never HTML.

const byId = (id) => document.getElementById(id);

const make = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
};

// Text whose direction cannot change what stands around it.
const isolated = (text) => make("bdi", {}, text);

// The nodes of a text in which commands and names stand between backticks.
const withCode = (text) => text.split("`").map((part, number) => (number % 2 ? make("code", {}, part) : part));

// A number with so many decimals, halves rounded up, as the figures of the page are. `toFixed` alone makes 0.10 of 0.105.
const rounded = (value, digits) =>
  (Math.round(Number((value * 10 ** digits).toPrecision(12))) / 10 ** digits).toFixed(digits);

const button = (text, onClick, attributes = {}) => {
  const made = make("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", onClick);
  return made;
};

// The JSON of a block of the page, null if there is no such block.
const jsonOf = (id) => {
  const block = byId(id);
  return block === null ? null : JSON.parse(block.textContent);
};

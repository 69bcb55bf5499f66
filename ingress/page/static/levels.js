/**
 * The last seconds of both voices as a strip, the caller's above the line and the agent's below:
 * who had the floor, and when it changed hands. Owns the canvas and its clock.
 */

const COLUMN_MS = 50;
const COLUMN_PX = 5;
const BAR_PX = 3;
const SHORTEST_PX = 1.5;

/** Loudness 0 to 1 as a share of the height: by its square root, as ears would have it. */
const heightOf = (level) => Math.min(1, Math.sqrt(level * 2.5));

export class Levels {
  #columns = [];
  #now = { caller: 0, agent: 0 };
  #shown = { caller: 0, agent: 0 };
  #nextMs = 0;
  #still = matchMedia("(prefers-reduced-motion: reduce)");

  /** @param {"caller" | "agent"} who @param {number} level root mean square, 0 to 1 */
  heard(who, level) {
    this.#now[who] = Math.max(this.#now[who], level);
  }

  /** To be called once a frame. @param {number} nowMs */
  draw(canvas, nowMs) {
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + COLUMN_MS;
    this.#columns.push(this.#now);
    this.#shown = this.#now;
    this.#now = { caller: 0, agent: 0 };
    const pen = sized(canvas);
    const { width, height } = canvas.getBoundingClientRect();
    this.#columns = this.#columns.slice(-Math.ceil(width / COLUMN_PX));
    if (this.#still.matches) return this.#drawStill(pen, width, height, canvas);
    pen.fillStyle = colour(canvas, "--line");
    pen.fillRect(0, height / 2 - 0.5, width, 1);
    this.#columns.forEach(({ caller, agent }, index) => {
      const x = width - (this.#columns.length - index) * COLUMN_PX;
      bar(pen, x, height, heightOf(caller), colour(canvas, "--caller"), -1);
      bar(pen, x, height, heightOf(agent), colour(canvas, "--agent"), 1);
    });
  }

  #drawStill(pen, width, height, canvas) {
    pen.fillStyle = colour(canvas, "--caller");
    pen.fillRect(0, height / 2 - 6, width * heightOf(this.#shown.caller), 4);
    pen.fillStyle = colour(canvas, "--agent");
    pen.fillRect(0, height / 2 + 2, width * heightOf(this.#shown.agent), 4);
  }
}

/** A pen for a canvas that has as many dots as its place on the screen. */
function sized(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  const dots = devicePixelRatio;
  canvas.width = Math.round(width * dots);
  canvas.height = Math.round(height * dots);
  const pen = canvas.getContext("2d");
  pen.scale(dots, dots);
  return pen;
}

const colour = (canvas, name) => getComputedStyle(canvas).getPropertyValue(name);

function bar(pen, x, height, share, fill, side) {
  const middle = height / 2;
  const length = share * (middle - 2);
  if (length < SHORTEST_PX) return;
  pen.fillStyle = fill;
  pen.beginPath();
  pen.roundRect(x, side < 0 ? middle - 1 - length : middle + 1, BAR_PX, length, 1.5);
  pen.fill();
}

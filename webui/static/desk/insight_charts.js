// Wraps Chart.js (which a Python package ships; `window.Chart`): our colours, our keyboard, our words. The data comes
// ready from the server, with a sentence for each point; nothing is computed or worded here.

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const MAX_LABEL_SHARE = 0.46;
const charts = new Map();

/** A token as rgb(): the library can't read oklch(). */
function colour(name) {
  pen.clearRect(0, 0, 1, 1);
  pen.fillStyle = css(name);
  pen.fillRect(0, 0, 1, 1);
  const [r, g, b] = pen.getImageData(0, 0, 1, 1).data;
  return `rgb(${r}, ${g}, ${b})`;
}

/** Draws every chart of `root`; the earlier ones are given up. */
export function drawCharts(root) {
  for (const chart of charts.values()) chart.destroy();
  charts.clear();
  const data = JSON.parse(root.querySelector("#insight-data")?.textContent ?? "{}");
  setDefaults();
  for (const plot of root.querySelectorAll("[data-chart]")) draw(plot, data[plot.dataset.chart]);
  for (const heat of root.querySelectorAll("[data-heat]")) wireHeat(heat);
}

function setDefaults() {
  const { Chart } = window;
  Chart.defaults.font.family = css("font");
  Chart.defaults.font.size = 12;
  Chart.defaults.color = colour("text-muted");
  Chart.defaults.borderColor = colour("line");
  Chart.defaults.animation = false;
  Chart.defaults.maintainAspectRatio = false;
  Chart.defaults.plugins.legend.display = false;
  Object.assign(Chart.defaults.plugins.tooltip, {
    backgroundColor: colour("text"),
    titleColor: colour("surface"),
    bodyColor: colour("surface"),
    titleFont: { weight: 500 },
    displayColors: false,
    cornerRadius: 6,
    padding: 8,
    caretSize: 0,
  });
}

function draw(plot, given) {
  const config = CONFIGS[given.kind](given);
  config.options.plugins = { ...config.options.plugins, tooltip: tooltip(given) };
  // a new canvas: the old one may belong to a chart of the other colour scheme
  const canvas = document.createElement("canvas");
  canvas.setAttribute("aria-hidden", "true");
  plot.replaceChildren(canvas);
  const chart = new window.Chart(canvas, config);
  charts.set(plot, chart);
  if (!plot.dataset.isWired) wireKeys(plot, given.points, (index) => showPoint(charts.get(plot), index));
  plot.dataset.isWired = "true";
}

function tooltip(given) {
  return {
    callbacks: {
      title: () => "",
      label: (item) => (item.datasetIndex === firstShown(item.chart) ? wrap(given.points[item.dataIndex]) : ""),
    },
    filter: (item, index) => index === 0,
  };
}

const firstShown = (chart) => chart.tooltip?.dataPoints?.[0]?.datasetIndex ?? 0;

/** Long sentences in lines of about 44 characters, broken after a comma, a semicolon or a space. */
function wrap(text, max = 44) {
  const lines = [""];
  for (const part of text.split(/(?<=[ ，；：])/u)) {
    if (lines.at(-1).length + part.length > max && lines.at(-1)) lines.push("");
    lines[lines.length - 1] += part;
  }
  return lines.map((line) => line.trimEnd());
}

function showPoint(chart, index) {
  const active = chart.data.datasets
    .map((set, datasetIndex) => ({ datasetIndex, index, set }))
    .filter(({ set }) => set.data[index] !== null && !set.isBackground)
    .map(({ datasetIndex }) => ({ datasetIndex, index }));
  chart.setActiveElements(active);
  const { x, y } = active.length ? chart.getDatasetMeta(active[0].datasetIndex).data[index] : { x: 0, y: 0 };
  chart.tooltip.setActiveElements(active, { x, y });
  chart.update("none");
}

/** Arrow keys, Home and End go through the points; what one says is the slider's value. Escape and blur leave. */
function wireKeys(plot, points, show, { step = 1, hide = null } = {}) {
  let at = points.length - 1;
  let isShown = false;
  const go = (to) => {
    at = Math.max(0, Math.min(points.length - 1, to));
    isShown = true;
    plot.setAttribute("aria-valuenow", at + 1);
    plot.setAttribute("aria-valuetext", points[at]);
    show(at);
  };
  const leave = () => {
    if (!isShown) return;
    isShown = false;
    if (hide) hide();
    else clearPoint(charts.get(plot));
  };
  plot.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -step, ArrowDown: step };
    if (event.key in moves) go(isShown ? at + moves[event.key] : at);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(points.length - 1);
    else if (event.key === "Escape") leave();
    else return;
    event.preventDefault();
  });
  plot.addEventListener("blur", leave);
}

function clearPoint(chart) {
  chart.setActiveElements([]);
  chart.tooltip.setActiveElements([], { x: 0, y: 0 });
  chart.update("none");
}

function wireHeat(heat) {
  const cells = [...heat.querySelectorAll(".heat-grid .heat-cell")];
  const readout = heat.querySelector(".readout");
  const atRest = readout.textContent;
  const mark = (cell) => {
    for (const other of cells) other.classList.toggle("is-chosen", other === cell);
    readout.textContent = cell ? cell.dataset.words : atRest;
  };
  heat.addEventListener("pointerover", (event) => {
    if (event.target.dataset.words) mark(event.target);
  });
  heat.addEventListener("pointerleave", () => mark(null));
  const words = cells.map((cell) => cell.dataset.words);
  wireKeys(heat, words, (index) => mark(cells[index]), { step: 24, hide: () => mark(null) });
}

// --- the kinds ------------------------------------------------------------------------------------------------------

const UNITS = {
  count: (value) => (Number.isInteger(value) ? value.toLocaleString(document.documentElement.lang) : ""),
  percent: (value) => `${Math.round(value * 100)}\u00a0%`,
  seconds: (value) => (value < 100 ? `${+value.toPrecision(2)}\u00a0s` : `${Math.round(value / 60)}\u00a0min`),
  times: (value) => `${value.toFixed(1)}\u00a0×`,
};

const dayAxis = () => ({
  grid: { display: false },
  border: { color: colour("line") },
  ticks: { maxRotation: 0, autoSkipPadding: 24 },
});

const valueAxis = (unit, more = {}) => ({
  beginAtZero: true,
  border: { display: false },
  grid: { color: colour("line") },
  ticks: { maxTicksLimit: 5, callback: UNITS[unit] },
  ...more,
});

const bars = (given) => ({
  type: "bar",
  data: {
    labels: given.labels,
    datasets: given.series.map((series) => ({
      label: series.label,
      data: series.values,
      backgroundColor: colour(series.colour),
      hoverBackgroundColor: colour(series.colour),
      borderRadius: 2,
      maxBarThickness: 28,
      categoryPercentage: 0.86,
      barPercentage: 0.92,
    })),
  },
  options: {
    interaction: { mode: "index", intersect: false },
    scales: { x: dayAxis(), y: valueAxis(given.unit) },
  },
  plugins: [band],
});

function stack(given) {
  const config = bars(given);
  config.options.scales.x.stacked = true;
  config.options.scales.y = valueAxis(given.unit, { stacked: true, max: 1 });
  for (const set of config.data.datasets) set.borderRadius = 0;
  return config;
}

const lines = (given) => ({
  type: "line",
  data: {
    labels: given.labels,
    datasets: given.series.map((series) => ({
      label: series.label,
      data: series.values,
      borderColor: colour(series.colour),
      backgroundColor: colour(series.colour),
      borderWidth: 2,
      pointRadius: series.values.filter((value) => value !== null).length > 40 ? 0 : 2.5,
      pointHoverRadius: 5,
      pointHoverBackgroundColor: colour(series.colour),
      pointHoverBorderColor: colour("surface"),
      spanGaps: true,
      tension: 0,
    })),
  },
  options: {
    interaction: { mode: "index", intersect: false },
    layout: { padding: { right: 76, top: 6 } },
    scales: { x: dayAxis(), y: valueAxis(given.unit) },
  },
  plugins: [endLabels],
});

function rows(given) {
  const config = bars(given);
  config.options.indexAxis = "y";
  config.options.layout = { padding: { right: 44 } };
  config.options.scales = { y: labelAxis(), x: { display: false, beginAtZero: true } };
  config.plugins = [rowValues];
  return config;
}

function intervals(given) {
  const [series] = given.series;
  return {
    type: "bar",
    data: {
      labels: given.labels,
      datasets: [
        {
          label: series.label,
          data: series.values.map(([low, , high]) => [low, high]),
          middles: series.values.map(([, middle]) => middle),
          backgroundColor: colour("chart-neutral"),
          hoverBackgroundColor: colour("line-strong"),
          borderRadius: 3,
          borderSkipped: false,
          barThickness: 6,
        },
      ],
    },
    options: {
      indexAxis: "y",
      interaction: { mode: "y", intersect: false },
      layout: { padding: { right: 48 } },
      scales: { y: labelAxis(), x: valueAxis(given.unit, { ticks: { maxTicksLimit: 5, callback: UNITS[given.unit] } }) },
    },
    plugins: [reference(given.reference), dots(series.colour, UNITS[given.unit])],
  };
}

const CONFIGS = { bars, stack, lines, rows, intervals };

/** Labels at the left, in a column of at most 46 % of the width, cut with an ellipsis where they are longer. */
const labelAxis = () => ({
  grid: { display: false },
  border: { display: false },
  afterFit: (axis) => {
    axis.width = Math.min(axis.width, axis.chart.width * MAX_LABEL_SHARE);
  },
  ticks: {
    autoSkip: false,
    color: colour("text"),
    font: { size: 13 },
    callback(value) {
      return fitted(this.getLabelForValue(value), this.chart.width * MAX_LABEL_SHARE - 16, this.chart.ctx);
    },
  },
});

function fitted(text, width, ctx) {
  ctx.font = `13px ${css("font")}`;
  if (ctx.measureText(text).width <= width) return text;
  let length = text.length;
  while (length > 1 && ctx.measureText(`${text.slice(0, length)}…`).width > width) length -= 1;
  return `${text.slice(0, length).trimEnd()}…`;
}

// --- what is drawn beside the library's own -------------------------------------------------------------------------

/** Behind the day that is pointed at. */
const band = {
  id: "band",
  beforeDatasetsDraw(chart) {
    const [active] = chart.getActiveElements();
    if (!active) return;
    const { x } = active.element;
    const width = chart.chartArea.width / chart.data.labels.length;
    chart.ctx.fillStyle = colour("surface-hover");
    chart.ctx.fillRect(x - width / 2, chart.chartArea.top, width, chart.chartArea.height);
  },
};

/** The series' names at the ends of their lines, apart from each other. */
const endLabels = {
  id: "end-labels",
  afterDatasetsDraw(chart) {
    const { ctx, chartArea } = chart;
    ctx.font = `500 12px ${css("font")}`;
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    ctx.fillStyle = colour("text");
    let above = -Infinity;
    for (const { label, y } of lineEnds(chart).sort((a, b) => a.y - b.y)) {
      above = Math.max(y, above + 16);
      ctx.fillText(label, chartArea.right + 8, above);
    }
  },
};

function lineEnds(chart) {
  return chart.data.datasets.flatMap((set, index) => {
    const last = set.data.findLastIndex((value) => value !== null);
    return last < 0 ? [] : [{ label: set.label, y: chart.getDatasetMeta(index).data[last].y }];
  });
}

/** The number at the end of each sideways bar. */
const rowValues = {
  id: "row-values",
  afterDatasetsDraw(chart) {
    const { ctx, data } = chart;
    ctx.font = `500 12px ${css("font")}`;
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    ctx.fillStyle = colour("text");
    for (const [index, bar] of chart.getDatasetMeta(0).data.entries()) {
      ctx.fillText(UNITS.count(data.datasets[0].data[index]), bar.x + 6, bar.y);
    }
  },
};

/** The usual value, as a line through all rows. */
const reference = (value) => ({
  id: "reference",
  beforeDatasetsDraw({ ctx, scales, chartArea }) {
    if (value === null) return;
    const x = scales.x.getPixelForValue(value);
    ctx.save();
    ctx.strokeStyle = colour("line-strong");
    ctx.setLineDash([3, 3]);
    ctx.beginPath();
    ctx.moveTo(x, chartArea.top);
    ctx.lineTo(x, chartArea.bottom);
    ctx.stroke();
    ctx.restore();
  },
});

/** The estimate in its interval, and its value at the right, under one another. */
const dots = (token, write) => ({
  id: "dots",
  afterDatasetsDraw(chart) {
    const { ctx, scales, chartArea } = chart;
    const { middles } = chart.data.datasets[0];
    ctx.font = `500 12px ${css("font")}`;
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    for (const [index, bar] of chart.getDatasetMeta(0).data.entries()) {
      ctx.fillStyle = colour(token);
      ctx.beginPath();
      ctx.arc(scales.x.getPixelForValue(middles[index]), bar.y, 5, 0, 2 * Math.PI);
      ctx.fill();
      ctx.fillStyle = colour("text");
      ctx.fillText(write(middles[index]), chartArea.right + 46, bar.y);
    }
  },
});

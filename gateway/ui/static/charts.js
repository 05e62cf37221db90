// Draws each .chart out of its data with uPlot, in the colours of the page.
"use strict";
(function () {
  function draw(place) {
    if (place.dataset.drawn) return;
    place.dataset.drawn = "1";
    const given = JSON.parse(place.dataset.chart);
    const style = getComputedStyle(document.documentElement);
    const colour = function (name) { return style.getPropertyValue("--chart-" + name).trim(); };
    const soft = style.getPropertyValue("--soft").trim();
    const line = style.getPropertyValue("--line").trim();
    const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui, sans-serif" };
    const number = function (_, value) { return value === null || value === undefined ? "–" : Number(value.toPrecision(4)) + (given.unit ? " " + given.unit : ""); };
    const series = given.names.map(function (name, index) {
      return { label: name, stroke: colour(given.colours[index]), width: 2, value: number, points: { show: given.data[0].length < 3 } };
    });
    const two = function (n) { return String(n).padStart(2, "0"); };
    const options = {
      width: place.clientWidth, height: 200, series: [{ label: "UTC", value: "{HH}:{mm}" }].concat(series),
      tzDate: function (at) { return uPlot.tzDate(new Date(at * 1000), "UTC"); },
      axes: [Object.assign({}, axis, { values: function (_, at) { return at.map(function (one) { const d = new Date(one * 1000); return two(d.getUTCHours()) + ":" + two(d.getUTCMinutes()); }); } }), Object.assign({}, axis, { size: 48 })],
      scales: { y: { range: function (_, __, most) { return [0, Math.max(most || 0, given.unit ? 0.1 : 1) * 1.08]; } } },
      legend: { live: true }, cursor: { drag: { x: false, y: false } },
    };
    const plot = new uPlot(options, given.data, place);
    new ResizeObserver(function () { plot.setSize({ width: place.clientWidth, height: 200 }); }).observe(place);
  }
  function all() { document.querySelectorAll(".chart").forEach(draw); }
  document.addEventListener("htmx:afterSettle", all);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () { location.reload(); });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all); else all();
})();
